/** The voxels of one lesion: the 26-connected piece of a label around a voxel. */
import type { Grid, Vector } from "../volume/grid";
import type { Label } from "../volume/labels";

/**
 * The piece of `label` nearest to `near` (within `reach` mm; the centre of a ring-shaped lesion is
 * not part of it), as voxel indices. Empty where there is none.
 */
export function pieceAt(
  grid: Grid,
  labels: Uint8Array,
  near: Vector,
  label: Label,
  reach = 60,
): number[] {
  const start = nearestOf(grid, labels, near, label, reach);
  return start < 0 ? [] : flood(grid, labels, start, label);
}

/** All pieces of `label`, the largest first. */
export function piecesOf(grid: Grid, labels: Uint8Array, label: Label): number[][] {
  const seen = new Uint8Array(labels.length);
  const pieces: number[][] = [];
  for (let start = labels.indexOf(label); start >= 0; start = labels.indexOf(label, start + 1)) {
    if (!seen[start]) pieces.push(flood(grid, labels, start, label, seen));
  }
  return pieces.sort((a, b) => b.length - a.length);
}

/** The voxel of a piece that is nearest to its middle. */
export function middleOf(grid: Grid, piece: readonly number[]): Vector {
  const voxels = piece.map((index) => grid.voxel(index));
  const mean = [0, 1, 2].map((axis) => voxels.reduce((sum, v) => sum + v[axis], 0) / voxels.length);
  const off = (v: Vector) => v.map((x, axis) => x - mean[axis]) as unknown as Vector;
  const far = voxels.map((v) => grid.product(off(v), off(v)));
  return voxels[far.reduce((best, d, n) => (d < far[best] ? n : best), 0)];
}

/** A lesion as it was measured. */
interface Measured {
  readonly centre_voxel: Vector;
  readonly diameter_3d_mm: number | null;
}

/**
 * The one of `now` that `before` has become: with its centre, else the one whose centre is nearest,
 * if it is no farther than half of the larger one's diameter.
 */
export function sameLesion<T extends Measured>(
  grid: Grid, before: Measured, now: readonly T[],
): T | null {
  let best: T | null = null;
  let least = Infinity;
  for (const lesion of now) {
    const d = lesion.centre_voxel.map((x, axis) => x - before.centre_voxel[axis]) as unknown as Vector;
    const mm = Math.sqrt(grid.product(d, d));
    const reach = Math.max(before.diameter_3d_mm ?? 0, lesion.diameter_3d_mm ?? 0) / 2;
    if (mm <= reach && mm < least) [best, least] = [lesion, mm];
  }
  return best;
}

/** Whether a piece has a voxel of `other` beside it (by a face, an edge or a corner). */
export function touches(grid: Grid, labels: Uint8Array, piece: readonly number[], other: Label): boolean {
  return piece.some((index) => {
    for (const near of around(grid, index)) if (labels[near] === other) return true;
    return false;
  });
}

function nearestOf(
  grid: Grid, labels: Uint8Array, near: Vector, label: Label, reach: number,
): number {
  const box = grid.around(near, near, reach);
  let best = -1;
  let least = reach * reach;
  if (!box) return best;
  for (let k = box.low[2]; k <= box.high[2]; k++) {
    for (let j = box.low[1]; j <= box.high[1]; j++) {
      for (let i = box.low[0]; i <= box.high[0]; i++) {
        const index = grid.index(i, j, k);
        if (labels[index] !== label) continue;
        const d: Vector = [i - near[0], j - near[1], k - near[2]];
        const distance = grid.product(d, d);
        if (distance <= least) {
          least = distance;
          best = index;
        }
      }
    }
  }
  return best;
}

function flood(
  grid: Grid, labels: Uint8Array, start: number, label: Label, seen = new Uint8Array(labels.length),
): number[] {
  const found = [start];
  seen[start] = 1;
  for (let at = 0; at < found.length; at++) {
    for (const index of around(grid, found[at])) {
      if (labels[index] !== label || seen[index]) continue;
      seen[index] = 1;
      found.push(index);
    }
  }
  return found;
}

/** A voxel and its neighbours, by faces, edges and corners. */
function* around(grid: Grid, index: number): Generator<number> {
  const [nx, ny, nz] = grid.shape;
  const [i, j, k] = grid.voxel(index);
  for (let c = Math.max(0, k - 1); c <= Math.min(nz - 1, k + 1); c++) {
    for (let b = Math.max(0, j - 1); b <= Math.min(ny - 1, j + 1); b++) {
      for (let a = Math.max(0, i - 1); a <= Math.min(nx - 1, i + 1); a++) {
        yield grid.index(a, b, c);
      }
    }
  }
}
