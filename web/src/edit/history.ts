/** Undo and redo: edits done, edits undone, the oldest forgotten beyond the limit. */
import type { Delta } from "./delta";

export class History {
  private done: Delta[] = [];
  private undone: Delta[] = [];

  constructor(readonly limit = 200) {}

  push(delta: Delta): void {
    this.done.push(delta);
    if (this.done.length > this.limit) this.done.shift();
    this.undone = [];
  }

  undo(): Delta | null {
    const delta = this.done.pop() ?? null;
    if (delta) this.undone.push(delta);
    return delta;
  }

  redo(): Delta | null {
    const delta = this.undone.pop() ?? null;
    if (delta) this.done.push(delta);
    return delta;
  }

  clear(): void {
    this.done = [];
    this.undone = [];
  }

  get undoable(): number {
    return this.done.length;
  }

  get redoable(): number {
    return this.undone.length;
  }
}
