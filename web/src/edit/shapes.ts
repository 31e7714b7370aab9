/** The voxels that a brush covers, in millimetres of the real grid. */
import type { Axis, Grid, Vector } from "../volume/grid";

/**
 * Visit each voxel whose centre is within `radius` mm of the line from `from` to `to`.
 *
 * With `plane` the stroke stays in the slice through `to` along that axis of the grid (a 2D disc);
 * without, it is a ball swept through space. The voxel under `to` always belongs to it, however
 * small the radius. `from` and `to` are fractional voxels; a single dab has both equal.
 */
export function sweep(
  grid: Grid,
  from: Vector,
  to: Vector,
  radius: number,
  plane: Axis | null,
  visit: (index: number) => void,
): void {
  const nearest = to.map(Math.round) as unknown as Vector;
  const flat = (v: Vector) =>
    (plane === null ? v : v.map((x, axis) => (axis === plane ? nearest[plane] : x))) as Vector;
  const a = flat(from);
  const b = flat(to);
  const along: Vector = [b[0] - a[0], b[1] - a[1], b[2] - a[2]];
  const length2 = grid.product(along, along);
  const limit = radius * radius + 1e-9;
  const under = grid.contains(nearest) ? grid.index(...nearest) : -1;
  let seen = false;
  const box = grid.around(a, b, radius);
  if (box) {
    const low = [...box.low];
    const high = [...box.high];
    if (plane !== null) low[plane] = high[plane] = nearest[plane];
    for (let k = low[2]; k <= high[2]; k++) {
      for (let j = low[1]; j <= high[1]; j++) {
        for (let i = low[0]; i <= high[0]; i++) {
          const d: Vector = [i - a[0], j - a[1], k - a[2]];
          const t =
            length2 > 0 ? Math.min(1, Math.max(0, grid.product(d, along) / length2)) : 0;
          const off: Vector = [d[0] - t * along[0], d[1] - t * along[1], d[2] - t * along[2]];
          if (grid.product(off, off) > limit) continue;
          const index = grid.index(i, j, k);
          if (index === under) seen = true;
          visit(index);
        }
      }
    }
  }
  if (!seen && under >= 0) visit(under);
}
