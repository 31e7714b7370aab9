/** The record of a correction: how long, how much, with what. Its numbers never fall. */
import type { Delta } from "../edit/delta";

export interface CorrectionRecord {
  active_seconds: number;
  wall_seconds: number;
  edits: number;
  undos: number;
  voxels_changed: { "0": number; "1": number; "2": number };
  tools: Record<string, { edits: number; seconds: number }>;
  user: string | null;
  sessions: { started: string; ended: string; active_seconds: number }[];
}

export const EMPTY_RECORD: CorrectionRecord = {
  active_seconds: 0,
  wall_seconds: 0,
  edits: 0,
  undos: 0,
  voxels_changed: { "0": 0, "1": 0, "2": 0 },
  tools: {},
  user: null,
  sessions: [],
};

export class CorrectionLog {
  private edits = 0;
  private undos = 0;
  private readonly became: [number, number, number] = [0, 0, 0];
  private readonly tools: Record<string, { edits: number; seconds: number }> = {};
  private lastActive = 0;

  /** `earlier` is what sessions before this one have recorded; `started` in milliseconds. */
  constructor(
    private readonly earlier: CorrectionRecord,
    private readonly started: number,
    private readonly active: () => number,
    private readonly now: () => number = () => Date.now(),
  ) {}

  /** Active seconds since the edit before are counted to the tool of this one. */
  add(delta: Delta, kind: "edit" | "undo" | "redo"): void {
    const active = this.active();
    if (kind === "undo") this.undos++;
    else {
      this.edits++;
      delta.became.forEach((n, label) => (this.became[label] += n));
      const tool = (this.tools[delta.tool] ??= { edits: 0, seconds: 0 });
      tool.edits++;
      tool.seconds += active - this.lastActive;
    }
    this.lastActive = active;
  }

  record(user: string | null): CorrectionRecord {
    const { earlier } = this;
    const now = this.now();
    const active = this.active();
    const tools = structuredClone(earlier.tools);
    for (const [name, used] of Object.entries(this.tools)) {
      const sum = (tools[name] ??= { edits: 0, seconds: 0 });
      sum.edits += used.edits;
      sum.seconds += used.seconds;
    }
    return {
      active_seconds: earlier.active_seconds + active,
      wall_seconds: earlier.wall_seconds + Math.max(0, (now - this.started) / 1000),
      edits: earlier.edits + this.edits,
      undos: earlier.undos + this.undos,
      voxels_changed: {
        "0": earlier.voxels_changed["0"] + this.became[0],
        "1": earlier.voxels_changed["1"] + this.became[1],
        "2": earlier.voxels_changed["2"] + this.became[2],
      },
      tools,
      user,
      sessions: [
        ...earlier.sessions,
        {
          started: new Date(this.started).toISOString(),
          ended: new Date(now).toISOString(),
          active_seconds: active,
        },
      ],
    };
  }
}
