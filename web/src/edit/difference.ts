/** Where two label maps differ, as a map to look at. */
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
