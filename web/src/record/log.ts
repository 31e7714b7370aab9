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

/** What this window has counted since it was opened. */
interface Counted {
  at: number;
  active: number;
  edits: number;
  undos: number;
  became: [number, number, number];
  tools: Record<string, { edits: number; seconds: number }>;
}

export class CorrectionLog {
  private edits = 0;
  private undos = 0;
  private readonly became: [number, number, number] = [0, 0, 0];
  private readonly tools: Counted["tools"] = {};
  private lastActive = 0;
  /** What `earlier` holds of this window already. */
  private included: Counted;
  private sent: Counted;

  /** `earlier` is what sessions before this one have recorded; `started` in milliseconds. */
  constructor(
    private earlier: CorrectionRecord,
    started: number,
    private readonly active: () => number,
    private readonly now: () => number = () => Date.now(),
  ) {
    this.included = this.sent = { ...this.counted(), at: started };
  }

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

  /** Where the count stands; to be given to `saved` once the server has it. */
  counted(): Counted {
    return {
      at: this.now(), active: this.active(), edits: this.edits, undos: this.undos,
      became: [...this.became], tools: structuredClone(this.tools),
    };
  }

  saved(counted: Counted): void {
    this.sent = counted;
  }

  /** Another window has saved: go on from its record with what of this one is not in it. */
  goOnFrom(earlier: CorrectionRecord): void {
    this.earlier = earlier;
    this.included = this.sent;
  }

  record(user: string | null): CorrectionRecord {
    const { earlier, included } = this;
    const now = this.counted();
    const tools = structuredClone(earlier.tools);
    for (const [name, used] of Object.entries(now.tools)) {
      const before = included.tools[name] ?? { edits: 0, seconds: 0 };
      const sum = (tools[name] ??= { edits: 0, seconds: 0 });
      sum.edits += used.edits - before.edits;
      sum.seconds += used.seconds - before.seconds;
    }
    const became = (label: "0" | "1" | "2") =>
      (earlier.voxels_changed[label] ?? 0) + now.became[+label] - included.became[+label];
    const active = now.active - included.active;
    return {
      active_seconds: earlier.active_seconds + active,
      wall_seconds: earlier.wall_seconds + Math.max(0, (now.at - included.at) / 1000),
      edits: earlier.edits + now.edits - included.edits,
      undos: earlier.undos + now.undos - included.undos,
      voxels_changed: { "0": became("0"), "1": became("1"), "2": became("2") },
      tools,
      user,
      sessions: [
        ...earlier.sessions,
        {
          started: new Date(included.at).toISOString(),
          ended: new Date(now.at).toISOString(),
          active_seconds: active,
        },
      ],
    };
  }
}
