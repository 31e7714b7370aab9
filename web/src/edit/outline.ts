/** What lies inside a closed line drawn in a slice. */
import type { Axis, Grid, Vector } from "../volume/grid";

/**
 * The voxels whose centre is inside the outline, by the even-odd rule.
 *
 * `points` are fractional voxels of one slice across `plane`, that of the first point; the last is
 * joined to the first. Whatever the grid's angles, inside stays inside: the map to millimetres is
 * affine. Empty for less than three points, and for an outline between the centres of voxels.
 */
export function insideOf(grid: Grid, points: readonly Vector[], plane: Axis): number[] {
  if (points.length < 3) return [];
  const [u, v] = ([0, 1, 2] as Axis[]).filter((axis) => axis !== plane);
  const at = [0, 0, 0];
  at[plane] = Math.round(points[0][plane]);
  const range = (axis: Axis): [number, number] => {
    const along = points.map((point) => point[axis]);
    return [
      Math.max(0, Math.ceil(along.reduce((a, b) => Math.min(a, b)))),
      Math.min(grid.shape[axis] - 1, Math.floor(along.reduce((a, b) => Math.max(a, b)))),
    ];
  };
  const [low, high] = range(u);
  const [first, last] = range(v);
  const found: number[] = [];
  for (at[v] = first; at[v] <= last; at[v]++) {
    const crossings = crossed(points, u, v, at[v]);
    for (at[u] = low; at[u] <= high; at[u]++) {
      if (crossings.filter((x) => x < at[u]).length % 2 === 1) {
        found.push(grid.index(at[0], at[1], at[2]));
      }
    }
  }
  return found;
}

/** Where the outline crosses a row of voxels. */
function crossed(points: readonly Vector[], u: Axis, v: Axis, row: number): number[] {
  const found: number[] = [];
  points.forEach((p, n) => {
    const q = points[(n + 1) % points.length];
    if (p[v] > row === q[v] > row) return;
    found.push(p[u] + ((row - p[v]) / (q[v] - p[v])) * (q[u] - p[u]));
  });
  return found;
}
