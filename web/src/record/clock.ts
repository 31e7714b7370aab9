/**
 * Active seconds: the time a person spends at a correction.
 *
 * Runs from each sign of life on, pauses 30 s after the last one and while the window is hidden.
 * Time is asked from `now` (milliseconds), so that tests need not wait.
 */
export const IDLE_AFTER_S = 30;

export class ActiveClock {
  private counted = 0;
  private last: number | null = null;
  private hidden = false;

  constructor(
    private readonly now: () => number = () => performance.now(),
    private readonly idleAfter = IDLE_AFTER_S,
  ) {}

  /** A pointer moved, a key was pressed, the wheel turned. */
  touch(): void {
    if (this.hidden) return;
    const now = this.now();
    this.counted += this.since(now);
    this.last = now;
  }

  hide(): void {
    if (this.hidden) return;
    this.counted += this.since(this.now());
    this.last = null;
    this.hidden = true;
  }

  show(): void {
    this.hidden = false;
    this.touch();
  }

  get seconds(): number {
    return this.counted + this.since(this.now());
  }

  get running(): boolean {
    return this.last !== null && (this.now() - this.last) / 1000 < this.idleAfter;
  }

  private since(now: number): number {
    return this.last === null ? 0 : Math.min((now - this.last) / 1000, this.idleAfter);
  }
}
