/**
 * The label map being corrected, and the only door to changing it.
 *
 * A stroke is begun, painted in pieces and ended; it becomes one undoable edit. A whole new map
 * (from the server's tools) is one edit too. `onChange` hears the box of voxels to redraw.
 */
import { union, type Axis, type Box, type Grid, type Vector } from "../volume/grid";
import type { Label } from "../volume/labels";
import { encode, replay, type Delta } from "./delta";
import { History } from "./history";
import { FREE, ruled, type Rules } from "./rules";
import { sweep } from "./shapes";

interface Stroke {
  readonly tool: string;
  readonly indices: number[];
  readonly before: Map<number, Label>;
  box: Box | null;
}

export class Editor {
  readonly history = new History();
  onChange: (box: Box) => void = () => {};
  onEdit: (delta: Delta, kind: "edit" | "undo" | "redo") => void = () => {};
  private stroke: Stroke | null = null;

  /** `labels` is changed in place; `brightness` (same order) is asked by the threshold brush. */
  constructor(
    readonly grid: Grid,
    readonly labels: Uint8Array,
    private readonly brightness: (index: number) => number = () => 0,
  ) {
    if (labels.length !== grid.count) throw new Error("The label map does not fit the grid.");
  }

  begin(tool: string): void {
    if (this.stroke) this.end();
    this.stroke = { tool, indices: [], before: new Map(), box: null };
  }

  get painting(): boolean {
    return this.stroke !== null;
  }

  /** A piece of the stroke: a disc in the slice along `plane`, or a ball, swept from → to. */
  paint(
    from: Vector,
    to: Vector,
    brush: { radius: number; plane: Axis | null; label: Label; rules: Rules },
  ): void {
    let changed = false;
    sweep(this.grid, from, to, brush.radius, brush.plane, (index) => {
      if (this.set(index, brush.label, brush.rules)) changed = true;
    });
    if (!changed || !this.stroke) return;
    // A voxel more than the brush on each side: cheaper than a box around each changed voxel.
    const margin = brush.radius + Math.max(...([0, 1, 2] as Axis[]).map((x) => this.grid.spacing(x)));
    const box = this.grid.around(from, to, margin) as Box;
    this.stroke.box = union(this.stroke.box, box);
    this.onChange(box);
  }

  /** Close the stroke; null if it changed nothing. */
  end(): Delta | null {
    const stroke = this.stroke;
    this.stroke = null;
    if (!stroke || !stroke.box) return null;
    const indices = Uint32Array.from(stroke.indices).sort();
    const coded = encode(indices, (p) => stroke.before.get(indices[p]) as Label, this.labels);
    if (coded.count === 0) return null;
    return this.done({ tool: stroke.tool, box: stroke.box, ...coded });
  }

  /** Give `label` to a set of voxels as one edit. */
  relabel(indices: Iterable<number>, label: Label, tool: string, rules: Rules = FREE): Delta | null {
    this.begin(tool);
    for (const index of indices) this.set(index, label, rules);
    this.bound();
    return this.announced(this.end());
  }

  /** Put a whole map in place as one edit; values come ruled from where it was made. */
  replace(map: Uint8Array, tool: string): Delta | null {
    if (map.length !== this.labels.length) throw new Error("The label map does not fit the grid.");
    this.begin(tool);
    for (let index = 0; index < map.length; index++) {
      if (map[index] !== this.labels[index]) this.set(index, map[index] as Label, FREE);
    }
    this.bound();
    return this.announced(this.end());
  }

  undo(): Delta | null {
    this.end();
    const delta = this.history.undo();
    if (!delta) return null;
    replay(delta, this.labels, "back");
    this.onChange(delta.box);
    this.onEdit(delta, "undo");
    return delta;
  }

  redo(): Delta | null {
    this.end();
    const delta = this.history.redo();
    if (!delta) return null;
    replay(delta, this.labels, "forth");
    this.onChange(delta.box);
    this.onEdit(delta, "redo");
    return delta;
  }

  private set(index: number, wanted: Label, rules: Rules): boolean {
    const stroke = this.stroke;
    if (!stroke) throw new Error("No stroke has begun.");
    const before = this.labels[index] as Label;
    if (before === wanted) return false;
    const after = ruled(before, wanted, rules.threshold ? this.brightness(index) : 0, rules);
    if (after === before) return false;
    if (!stroke.before.has(index)) {
      stroke.before.set(index, before);
      stroke.indices.push(index);
    }
    this.labels[index] = after;
    return true;
  }

  /** The box of the stroke from its voxels. */
  private bound(): void {
    const stroke = this.stroke;
    if (!stroke || stroke.indices.length === 0) return;
    const low = [Infinity, Infinity, Infinity];
    const high = [-Infinity, -Infinity, -Infinity];
    for (const index of stroke.indices) {
      this.grid.voxel(index).forEach((x, axis) => {
        if (x < low[axis]) low[axis] = x;
        if (x > high[axis]) high[axis] = x;
      });
    }
    stroke.box = { low, high } as unknown as Box;
  }

  private done(delta: Delta): Delta {
    this.history.push(delta);
    this.onEdit(delta, "edit");
    return delta;
  }

  private announced(delta: Delta | null): Delta | null {
    if (delta) this.onChange(delta.box);
    return delta;
  }
}
