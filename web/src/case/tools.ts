/** The tool in hand and its settings. */
import { signal } from "@preact/signals";
import { LABEL_NAMES, TUMOUR, type Label } from "../volume/labels";
import type { Rules } from "../edit/rules";

export type ToolName = "navigate" | "brush" | "eraser" | "threshold" | "fill" | "grow";

export const TOOL_NAMES: Record<ToolName, string> = {
  navigate: "Navigate",
  brush: "Brush",
  eraser: "Eraser",
  threshold: "Threshold brush",
  fill: "Outline and fill",
  grow: "Grow from a click",
};

export const SMALLEST_MM = 1;
export const LARGEST_MM = 60;

export class Tools {
  readonly tool = signal<ToolName>("navigate");
  readonly label = signal<Label>(TUMOUR);
  /** Diameter. */
  readonly sizeMm = signal(10);
  readonly ball = signal(false);
  /** Labels that are painted and erased inside the liver alone: a lesion of the liver lies in it. */
  readonly inside = signal<ReadonlySet<Label>>(new Set([TUMOUR]));
  readonly locked = signal<ReadonlySet<Label>>(new Set());
  /** Outline: what is inside becomes background. */
  readonly cuts = signal(false);
  readonly range = signal<{ low: number; high: number }>({ low: 0, high: 0 });

  /** Grow: how far a voxel's brightness may lie from the clicked one's, as a share of its range. */
  readonly tolerance = signal(0.1);
  readonly reachMm = signal(30);

  get paints(): boolean {
    return ["brush", "eraser", "threshold"].includes(this.tool.value);
  }

  get insideLiver(): boolean {
    return this.inside.value.has(this.label.value);
  }

  /** The label that the tool in hand writes. */
  get writes(): Label {
    return this.erases ? 0 : this.label.value;
  }

  get erases(): boolean {
    return this.tool.value === "eraser" || (this.tool.value === "fill" && this.cuts.value);
  }

  get rules(): Rules {
    return {
      locked: this.locked.value,
      insideLiver: this.insideLiver,
      threshold: this.tool.value === "threshold" ? this.range.value : null,
      // The liver is lesions too; a lesion is itself alone.
      only: this.erases && this.label.value === TUMOUR ? TUMOUR : null,
    };
  }

  resize(steps: number): void {
    const step = this.sizeMm.value + steps > 20 ? 2 : 1;
    const size = this.sizeMm.value + steps * step;
    this.sizeMm.value = Math.min(LARGEST_MM, Math.max(SMALLEST_MM, size));
  }

  toggleLock(label: Label): void {
    this.locked.value = toggled(this.locked.value, label);
  }

  toggleInside(): void {
    this.inside.value = toggled(this.inside.value, this.label.value);
  }

  /** Why nothing would change, or null. */
  get hindrance(): string | null {
    if (this.tool.value === "navigate") return null;
    const label = this.writes === 0 && this.insideLiver ? 1 : this.writes;
    return this.locked.value.has(label) ? `${LABEL_NAMES[label]} is locked.` : null;
  }
}

function toggled(set: ReadonlySet<Label>, label: Label): ReadonlySet<Label> {
  const next = new Set(set);
  if (!next.delete(label)) next.add(label);
  return next;
}
