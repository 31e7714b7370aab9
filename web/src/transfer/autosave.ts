/**
 * Saving by itself: what was changed is on its way to the server within a few seconds.
 *
 * One save at a time; each names the revision that it was made from. A refusal because another
 * window has saved (409) stops everything until a person has chosen; an unreachable server is asked
 * again. `delay` counts from the first unsaved change, not from the last, so painting without a
 * pause does not put a save off.
 */
import type { CaseStatus } from "../api/types";

export type SaveState = "saved" | "unsaved" | "saving" | "unreachable" | "conflict";

export type SaveAnswer =
  | { kind: "saved"; revision: number; status?: CaseStatus }
  | { kind: "conflict"; revision: number; message: string }
  | { kind: "failed"; message: string };

export interface AutosaveTimes {
  readonly delay: number;
  readonly retry: number;
}

export const TIMES: AutosaveTimes = { delay: 2000, retry: 2000 };

export class Autosave {
  state: SaveState = "saved";
  message = "";
  onState: (state: SaveState) => void = () => {};
  private dirty = false;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private running: Promise<void> | null = null;
  private theirs: number | null = null;

  constructor(
    public revision: number,
    private readonly send: (revision: number) => Promise<SaveAnswer>,
    private readonly times: AutosaveTimes = TIMES,
  ) {}

  /** Something was changed. */
  changed(): void {
    this.dirty = true;
    if (this.state === "saved") this.become("unsaved");
    if (this.state !== "conflict") this.schedule(this.times.delay);
  }

  /** Save now; resolves when nothing is unsaved, or when saving has failed. */
  async flush(): Promise<boolean> {
    this.unschedule();
    if (this.running) await this.running;
    this.unschedule();
    if (this.dirty && this.state !== "conflict") {
      this.running = this.save();
      await this.running;
    }
    return !this.dirty;
  }

  /** After a conflict: let this window's voxels become the next revision after theirs. */
  async keepMine(): Promise<boolean> {
    if (this.theirs === null) return false;
    this.revision = this.theirs;
    this.theirs = null;
    this.dirty = true;
    this.become("unsaved");
    return this.flush();
  }

  /** After a conflict, or when leaving: this window's voxels are given up. */
  forget(revision: number): void {
    this.unschedule();
    this.revision = revision;
    this.theirs = null;
    this.dirty = false;
    this.become("saved");
  }

  get unsaved(): boolean {
    return this.dirty || this.running !== null;
  }

  private async save(): Promise<void> {
    this.dirty = false;
    this.become("saving");
    let answer: SaveAnswer;
    try {
      answer = await this.send(this.revision);
    } catch (error) {
      answer = { kind: "failed", message: error instanceof Error ? error.message : String(error) };
    }
    this.running = null;
    if (answer.kind === "saved") {
      this.revision = answer.revision;
      this.message = "";
      this.become(this.dirty ? "unsaved" : "saved");
      return;
    }
    this.dirty = true;
    this.message = answer.message;
    if (answer.kind === "conflict") {
      this.unschedule();
      this.theirs = answer.revision;
      this.become("conflict");
    } else {
      this.become("unreachable");
      this.schedule(this.times.retry);
    }
  }

  private schedule(delay: number): void {
    if (this.timer !== null) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      if (this.running) this.schedule(this.times.delay);
      else if (this.dirty && this.state !== "conflict") this.running = this.save();
    }, delay);
  }

  private unschedule(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private become(state: SaveState): void {
    this.state = state;
    this.onState(state);
  }
}
