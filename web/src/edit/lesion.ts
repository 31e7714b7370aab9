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

function flood(grid: Grid, labels: Uint8Array, start: number, label: Label): number[] {
  const [nx, ny, nz] = grid.shape;
  const found = [start];
  const seen = new Set(found);
  for (let at = 0; at < found.length; at++) {
    const [i, j, k] = grid.voxel(found[at]);
    for (let c = Math.max(0, k - 1); c <= Math.min(nz - 1, k + 1); c++) {
      for (let b = Math.max(0, j - 1); b <= Math.min(ny - 1, j + 1); b++) {
        for (let a = Math.max(0, i - 1); a <= Math.min(nx - 1, i + 1); a++) {
          const index = grid.index(a, b, c);
          if (labels[index] !== label || seen.has(index)) continue;
          seen.add(index);
          found.push(index);
        }
      }
    }
  }
  return found;
}
