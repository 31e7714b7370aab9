/**
 * A surface around one or more labels, for the eye (measurements and models come from the server).
 *
 * Blocks of voxels are averaged to about `step` mm, and the half-way surface is drawn by naive
 * surface nets: one vertex per cell that the surface crosses, at the mean of its edge crossings
 * (Gibson, "Constrained elastic surface nets", MICCAI 1998).
 */
import { determinant3, type Grid, type Vector } from "../volume/grid";

export interface Surface {
  /** RAS millimetres, three per vertex. */
  readonly points: Float32Array;
  readonly triangles: Uint32Array;
}

const ROUNDS = 30;

export function surfaceOf(
  grid: Grid,
  labels: Uint8Array,
  inside: readonly boolean[],
  step: number,
): Surface | null {
  const field = averaged(grid, labels, inside, step);
  return field && netOf(field, grid);
}

interface Field {
  /** Share of each block inside, with one empty block around. */
  readonly values: Float32Array;
  readonly shape: Vector;
  readonly block: Vector;
  readonly origin: Vector;
}

function averaged(
  grid: Grid, labels: Uint8Array, inside: readonly boolean[], step: number,
): Field | null {
  const [nx, ny, nz] = grid.shape;
  const low = [nx, ny, nz];
  const high = [-1, -1, -1];
  for (let k = 0, v = 0; k < nz; k++) {
    for (let j = 0; j < ny; j++) {
      for (let i = 0; i < nx; i++, v++) {
        if (!inside[labels[v]]) continue;
        if (i < low[0]) low[0] = i;
        if (i > high[0]) high[0] = i;
        if (j < low[1]) low[1] = j;
        if (j > high[1]) high[1] = j;
        if (k < low[2]) low[2] = k;
        if (k > high[2]) high[2] = k;
      }
    }
  }
  if (high[0] < 0) return null;
  const block = [0, 1, 2].map((axis) =>
    Math.max(1, Math.round(step / grid.spacing(axis as 0 | 1 | 2))),
  );
  const shape = low.map((x, axis) => Math.floor((high[axis] - x) / block[axis]) + 3);
  const values = new Float32Array(shape[0] * shape[1] * shape[2]);
  for (let k = low[2]; k <= high[2]; k++) {
    const c = Math.floor((k - low[2]) / block[2]) + 1;
    for (let j = low[1]; j <= high[1]; j++) {
      const b = Math.floor((j - low[1]) / block[1]) + 1;
      const row = shape[0] * (b + shape[1] * c) + 1;
      const from = nx * (j + ny * k);
      for (let i = low[0]; i <= high[0]; i++) {
        if (inside[labels[from + i]]) values[row + Math.floor((i - low[0]) / block[0])]++;
      }
    }
  }
  const volume = block[0] * block[1] * block[2];
  for (let v = 0; v < values.length; v++) values[v] /= volume;
  return {
    values,
    shape: shape as unknown as Vector,
    block: block as unknown as Vector,
    origin: low as unknown as Vector,
  };
}

function netOf({ values, shape, block, origin }: Field, grid: Grid): Surface | null {
  const [nx, ny, nz] = shape;
  const stride = [1, nx, nx * ny];
  const vertexOf = new Int32Array(values.length).fill(-1);
  const points: number[] = [];
  for (let z = 0; z < nz - 1; z++) {
    for (let y = 0; y < ny - 1; y++) {
      for (let x = 0; x < nx - 1; x++) {
        const cell = x + stride[1] * y + stride[2] * z;
        const centre = crossing(values, cell, stride);
        if (!centre) continue;
        vertexOf[cell] = points.length / 3;
        const blockAt = [x + centre[0] - 1, y + centre[1] - 1, z + centre[2] - 1];
        const voxel = blockAt.map(
          (b, axis) => origin[axis] + (b + 0.5) * block[axis] - 0.5,
        ) as unknown as Vector;
        points.push(...grid.world(voxel));
      }
    }
  }
  if (points.length === 0) return null;
  const triangles: number[] = [];
  const mirrored = determinant3(grid.affine) < 0;
  // The outermost blocks are empty, so an edge that is crossed has four cells around it.
  for (let z = 0; z < nz - 1; z++) {
    for (let y = 0; y < ny - 1; y++) {
      for (let x = 0; x < nx - 1; x++) {
        const cell = x + stride[1] * y + stride[2] * z;
        for (let axis = 0; axis < 3; axis++) {
          const here = values[cell] >= 0.5;
          if (here === values[cell + stride[axis]] >= 0.5) continue;
          const u = stride[(axis + 1) % 3];
          const v = stride[(axis + 2) % 3];
          const quad = [cell, cell - u, cell - u - v, cell - v].map((c) => vertexOf[c]);
          const [a, b, c, d] = here !== mirrored ? quad : [quad[0], quad[3], quad[2], quad[1]];
          triangles.push(a, b, c, a, c, d);
        }
      }
    }
  }
  const surface = { points: Float32Array.from(points), triangles: Uint32Array.from(triangles) };
  smooth(surface);
  return surface;
}

/** Without the steps of the voxels, and without shrinking (Taubin, SIGGRAPH 1995). */
function smooth({ points, triangles }: Surface): void {
  const sum = new Float32Array(points.length);
  const count = new Uint16Array(points.length / 3);
  for (let pass = 0; pass < 2 * ROUNDS; pass++) {
    sum.fill(0);
    count.fill(0);
    for (let n = 0; n < triangles.length; n++) {
      // Each triangle's edge from this corner to the next; the neighbour has it the other way.
      const to = triangles[n];
      const from = triangles[n % 3 === 2 ? n - 2 : n + 1];
      sum[3 * to] += points[3 * from];
      sum[3 * to + 1] += points[3 * from + 1];
      sum[3 * to + 2] += points[3 * from + 2];
      count[to]++;
    }
    const step = pass % 2 === 0 ? 0.5 : -0.53;
    for (let v = 0; v < count.length; v++) {
      for (let axis = 3 * v; axis < 3 * v + 3; axis++) {
        points[axis] += step * (sum[axis] / count[v] - points[axis]);
      }
    }
  }
}

/** The mean of the places where the surface crosses the twelve edges of a cell, in [0, 1]³. */
function crossing(values: Float32Array, cell: number, stride: number[]): Vector | null {
  let n = 0;
  const sum = [0, 0, 0];
  for (let axis = 0; axis < 3; axis++) {
    const u = (axis + 1) % 3;
    const v = (axis + 2) % 3;
    for (let corner = 0; corner < 4; corner++) {
      const at = cell + (corner & 1) * stride[u] + (corner >> 1) * stride[v];
      const p = values[at];
      const q = values[at + stride[axis]];
      if (p >= 0.5 === q >= 0.5) continue;
      sum[axis] += (0.5 - p) / (q - p);
      sum[u] += corner & 1;
      sum[v] += corner >> 1;
      n++;
    }
  }
  return n ? [sum[0] / n, sum[1] / n, sum[2] / n] : null;
}
