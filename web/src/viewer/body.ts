/** Where the body is in an image, so that slices are not drawn small for the air around it. */
import type { Axis, Box, Grid, Vector } from "../volume/grid";

/** Of the bright end: tissue is brighter than this share, air is darker. */
const AIR = 0.1;
/** A slice with less tissue than this share of the fullest one is noise, or an arm's edge. */
const FEW = 0.05;
/** Voxels looked at along an axis: enough for a frame. */
const LOOKED_AT = 96;

/** The box of the tissue; the whole image where none stands out. */
export function bodyOf(grid: Grid, brightness: (index: number) => number): Box {
  const steps = grid.shape.map((n) => Math.max(1, Math.floor(n / LOOKED_AT)));
  const values: number[] = [];
  const each = (visit: (v: Vector, value: number) => void) => {
    for (let k = 0; k < grid.shape[2]; k += steps[2]) {
      for (let j = 0; j < grid.shape[1]; j += steps[1]) {
        for (let i = 0; i < grid.shape[0]; i += steps[0]) {
          visit([i, j, k], brightness(grid.index(i, j, k)));
        }
      }
    }
  };
  each((_, value) => Number.isFinite(value) && values.push(value));
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) return grid.everything();
  const [dark, bright] = [sorted[0], sorted[Math.floor(0.99 * (sorted.length - 1))]];
  const counts = grid.shape.map((n) => new Float64Array(n));
  each((v, value) => {
    if (value > dark + AIR * (bright - dark)) v.forEach((x, axis) => counts[axis][x]++);
  });
  const ends = ([0, 1, 2] as Axis[]).map((axis) => {
    const least = FEW * Math.max(...counts[axis]);
    const full = [...counts[axis].keys()].filter((x) => counts[axis][x] > least);
    const far = full[full.length - 1];
    return full.length ? [full[0], Math.min(grid.shape[axis] - 1, far + steps[axis] - 1)] : [0, grid.shape[axis] - 1];
  });
  return {
    low: ends.map(([low]) => low) as unknown as Vector,
    high: ends.map(([, high]) => high) as unknown as Vector,
  };
}
