/**
 * One undoable edit as runs of voxels: (gap, length, before, after), in variable-length integers.
 *
 * A stroke of thousands of voxels takes some hundreds of bytes, so a long history is cheap.
 */
import type { Box } from "../volume/grid";
import type { Label } from "../volume/labels";

export interface Delta {
  readonly tool: string;
  readonly runs: Uint8Array;
  /** Voxels changed. */
  readonly count: number;
  /** Voxels that became 0, 1 and 2. */
  readonly became: readonly [number, number, number];
  readonly box: Box;
}

/** `indices` ascend without repetition; `before` belongs to them; `after` is read from `labels`. */
export function encode(
  indices: Uint32Array,
  before: (position: number) => Label,
  labels: Uint8Array,
): { runs: Uint8Array; count: number; became: [number, number, number] } {
  const out: number[] = [];
  const became: [number, number, number] = [0, 0, 0];
  let count = 0;
  let end = 0;
  let p = 0;
  while (p < indices.length) {
    const start = indices[p];
    const was = before(p);
    const is = labels[start] as Label;
    let length = 1;
    while (
      p + length < indices.length &&
      indices[p + length] === start + length &&
      before(p + length) === was &&
      labels[start + length] === is
    ) {
      length++;
    }
    if (was !== is) {
      pushInteger(out, start - end);
      pushInteger(out, length);
      out.push((was << 4) | is);
      end = start + length;
      count += length;
      became[is] += length;
    }
    p += length;
  }
  return { runs: Uint8Array.from(out), count, became };
}

/** Write the edit into `labels`: forth (redo) or back (undo). */
export function replay(delta: Delta, labels: Uint8Array, direction: "forth" | "back"): void {
  const { runs } = delta;
  let at = 0;
  let voxel = 0;
  const integer = () => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = runs[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
  };
  while (at < runs.length) {
    voxel += integer();
    const length = integer();
    const pair = runs[at++];
    labels.fill(direction === "forth" ? pair & 15 : pair >> 4, voxel, voxel + length);
    voxel += length;
  }
}

function pushInteger(out: number[], value: number): void {
  while (value >= 128) {
    out.push((value % 128) + 128);
    value = Math.floor(value / 128);
  }
  out.push(value);
}
