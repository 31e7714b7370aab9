/** What mouse, pen and wheel do over the panes. */
import { signal } from "@preact/signals";
import { insideOf } from "../edit/outline";
import type { PaneName, SliceName } from "../viewer/niivue";
import { dragged, type Window } from "../viewer/window";
import type { Vector } from "../volume/grid";
import { BACKGROUND } from "../volume/labels";
import type { CaseSession } from "./session";

type Drag =
  | { kind: "crosshair" | "pan" | "turn"; pane: PaneName }
  | { kind: "window"; from: Window; x: number; y: number }
  | { kind: "paint"; pane: SliceName; last: Vector }
  | { kind: "outline" };

export class Pointer {
  correcting = false;
  /** Where the pointer is, over which slice. */
  readonly over = signal<{ pane: SliceName; x: number; y: number } | null>(null);
  /** The line being drawn, in voxels: it stays where it is when the slice is moved or zoomed. */
  readonly line = signal<{ pane: SliceName; points: readonly Vector[] } | null>(null);
  private drag: Drag | null = null;
  private at: [number, number] = [0, 0];

  constructor(private readonly session: CaseSession) {}

  down(event: PointerEvent): void {
    const { display, tools } = this.session;
    const [x, y] = this.place(event);
    const pane = display.viewer?.paneAt(x, y) ?? null;
    if (!display.viewer || !pane) return;
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    (event.currentTarget as HTMLElement).focus({ preventScroll: true });
    this.at = [x, y];
    if (pane === "3d") {
      this.drag = { kind: "turn", pane };
      return;
    }
    display.pane.value = pane;
    if (event.button === 2) {
      this.drag = { kind: "window", from: display.window.value, x, y };
    } else if (event.button === 1 || event.shiftKey) {
      this.drag = { kind: "pan", pane };
    } else if (this.correcting && tools.paints) {
      this.startPainting(pane, x, y);
    } else if (this.correcting && tools.tool.value === "fill") {
      this.drag = { kind: "outline" };
      this.line.value = { pane, points: [] };
      this.move(event);
    } else if (this.correcting && tools.tool.value === "grow") {
      this.grow(pane, x, y);
    } else {
      this.drag = { kind: "crosshair", pane };
      this.move(event);
    }
  }

  move(event: PointerEvent): void {
    const { viewer } = this.session.display;
    if (!viewer) return;
    const [x, y] = this.place(event);
    const [dx, dy] = [x - this.at[0], y - this.at[1]];
    this.at = [x, y];
    const under = viewer.paneAt(x, y);
    this.over.value = under && under !== "3d" ? { pane: under, x, y } : null;
    const drag = this.drag;
    if (!drag) return;
    switch (drag.kind) {
      case "crosshair": {
        const voxel = viewer.voxelAt(drag.pane as SliceName, x, y);
        if (voxel) viewer.jump(voxel);
        break;
      }
      case "pan":
        viewer.pan(drag.pane as SliceName, dx, dy);
        break;
      case "turn":
        viewer.turn(dx * 0.6, dy * 0.6);
        break;
      case "window": {
        const { p1, p99 } = this.session.info.peek().percentiles;
        this.session.display.setWindow(dragged(drag.from, x - drag.x, y - drag.y, p99 - p1));
        break;
      }
      case "outline": {
        const { pane, points } = this.line.value!;
        const voxel = viewer.voxelAt(pane, x, y);
        if (voxel) this.line.value = { pane, points: [...points, voxel] };
        break;
      }
      case "paint": {
        if (!this.session.editor.painting) {
          this.drag = null; // ended by an undo in the middle of the stroke
          break;
        }
        const voxel = viewer.voxelAt(drag.pane, x, y);
        if (!voxel) break;
        this.dab(drag.pane, drag.last, voxel);
        drag.last = voxel;
      }
    }
  }

  up(event: PointerEvent): void {
    if (this.drag?.kind === "paint") this.endStroke(this.drag.last);
    if (this.drag?.kind === "outline" && event.type === "pointerup") this.fill();
    this.line.value = null;
    this.drag = null;
    (event.currentTarget as HTMLElement).releasePointerCapture?.(event.pointerId);
  }

  leave(): void {
    if (!this.drag) this.over.value = null;
  }

  wheel(event: WheelEvent): void {
    event.preventDefault();
    const { display, tools } = this.session;
    const [x, y] = this.place(event);
    const pane = display.viewer?.paneAt(x, y);
    if (!display.viewer || !pane || event.deltaY === 0) return;
    const step = event.deltaY > 0 ? -1 : 1;
    if (pane === "3d") display.viewer.zoom3d(step > 0 ? 1.1 : 1 / 1.1);
    else if (event.ctrlKey || event.metaKey) display.viewer.zoom(step > 0 ? 1.15 : 1 / 1.15);
    else if (event.altKey) tools.resize(step);
    else display.viewer.step(pane, step);
  }

  /** A double click makes a pane large, and four of them again. */
  enlarge(event: MouseEvent): void {
    const { display, tools } = this.session;
    if (this.correcting && tools.tool.value !== "navigate") return;
    const pane = display.viewer?.paneAt(...this.place(event));
    if (pane) display.setLayout(display.layout.value === pane ? "four" : pane);
  }

  /** The tool in hand, at the crosshair: painting without a mouse. */
  atCrosshair(): void {
    const { display, editor, tools } = this.session;
    if (!display.viewer || this.session.busy.value !== null) return;
    const voxel = display.viewer.crosshair.map(Math.round) as unknown as Vector;
    if (tools.tool.value === "grow") this.growAt(voxel);
    if (!tools.paints) return;
    editor.begin(tools.tool.value === "threshold" ? "threshold brush" : tools.tool.value);
    this.dab(display.pane.value, voxel, voxel);
    this.endStroke(voxel);
  }

  private startPainting(pane: SliceName, x: number, y: number): void {
    const { display, editor, tools, busy } = this.session;
    const voxel = display.viewer?.voxelAt(pane, x, y);
    if (!voxel || busy.value !== null) return;
    editor.begin(tools.tool.value === "threshold" ? "threshold brush" : tools.tool.value);
    this.drag = { kind: "paint", pane, last: voxel };
    this.dab(pane, voxel, voxel);
  }

  /** Close the stroke that came to `voxel`; paint that landed nowhere is told why. */
  private endStroke(voxel: Vector): void {
    const { editor, grid, tools, done } = this.session;
    const changed = editor.end() !== null;
    const under = editor.labels[grid.index(...(voxel.map(Math.round) as unknown as Vector))];
    const outside = tools.insideLiver && under === BACKGROUND;
    done.value = changed || !outside ? "" : "Nothing changed: that is not inside the liver.";
  }

  private dab(pane: SliceName, from: Vector, to: Vector): void {
    const { display, editor, tools } = this.session;
    const plane = tools.ball.value ? null : (display.viewer?.axisOf(pane) ?? null);
    editor.paint(from, to, {
      radius: tools.sizeMm.value / 2, plane, label: tools.writes, rules: tools.rules,
    });
  }

  private fill(): void {
    const { display, editor, grid, tools, busy } = this.session;
    if (!this.line.value || !display.viewer || busy.value !== null) return;
    const { pane, points } = this.line.value;
    const inside = insideOf(grid, points, display.viewer.axisOf(pane));
    editor.relabel(inside, tools.writes, tools.cuts.value ? "cut out" : "outline", tools.rules);
  }

  private grow(pane: SliceName, x: number, y: number): void {
    const voxel = this.session.display.viewer?.voxelAt(pane, x, y);
    if (voxel) this.growAt(voxel.map(Math.round) as unknown as Vector);
  }

  private growAt(voxel: Vector): void {
    const { tools } = this.session;
    this.session.display.jump(voxel);
    void this.session.apply({
      tool: "grow", voxel, label: tools.label.value, tolerance: tools.tolerance.value,
      radius_mm: tools.reachMm.value, inside_liver: tools.insideLiver,
      locked: [...tools.locked.value],
    });
  }

  private place(event: MouseEvent): [number, number] {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }
}
