/** Where two label maps differ, as a map to look at. */
import type { Axis, Grid, Vector } from "../volume/grid";

export const ONLY_FIRST = 1;
export const ONLY_SECOND = 2;
export const RELABELLED = 3;

/**
 * Per voxel: 0 equal; 1 liver or lesion in `first` alone; 2 in `second` alone; 3 in both, with
 * another label. `changed` counts the voxels that are not 0.
 */
export function difference(
  first: Uint8Array,
  second: Uint8Array,
): { map: Uint8Array; changed: number } {
  if (first.length !== second.length) throw new Error("The label maps are of different size.");
  const map = new Uint8Array(first.length);
  let changed = 0;
  for (let v = 0; v < map.length; v++) {
    if (first[v] === second[v]) continue;
    changed++;
    map[v] = second[v] === 0 ? ONLY_FIRST : first[v] === 0 ? ONLY_SECOND : RELABELLED;
  }
  return { map, changed };
}

/**
 * Where to look first: in the slice across `axis` with the most voxels that differ, the one of them
 * nearest to their middle. Null where nothing differs.
 */
export function worstPlace(grid: Grid, map: Uint8Array, axis: Axis): Vector | null {
  const counts = new Uint32Array(grid.shape[axis]);
  for (let index = 0; index < map.length; index++) {
    if (map[index]) counts[grid.voxel(index)[axis]]++;
  }
  const slice = counts.indexOf(counts.reduce((most, n) => Math.max(most, n), 0));
  if (counts[slice] === 0) return null;
  const there: Vector[] = [];
  for (let index = 0; index < map.length; index++) {
    if (!map[index]) continue;
    const voxel = grid.voxel(index);
    if (voxel[axis] === slice) there.push(voxel);
  }
  const middle = [0, 1, 2].map((a) => there.reduce((sum, v) => sum + v[a], 0) / there.length);
  const away = (v: Vector) => {
    const d = v.map((x, a) => x - middle[a]) as unknown as Vector;
    return grid.product(d, d);
  };
  return there.reduce((best, v) => (away(v) < away(best) ? v : best));
}
