/**
 * A voxel grid in patient space, as the server describes it: shape, and an affine to RAS millimetres.
 *
 * Voxels are numbered in the file order of NIfTI, `i` fastest: index = i + nx * (j + ny * k).
 * Grids may be anisotropic, oblique, left-handed or sheared; nothing here assumes otherwise.
 */
export type Vector = readonly [number, number, number];
export type Axis = 0 | 1 | 2;

/** An inclusive range of voxels; `null` elsewhere means "none". */
export interface Box {
  readonly low: Vector;
  readonly high: Vector;
}

export class Grid {
  readonly count: number;
  /** The spacing-and-angles tensor AᵀA: squared millimetres of a voxel offset d are dᵀ·metric·d. */
  private readonly metric: readonly number[];
  /** Voxels that one millimetre can reach along each axis, whatever the angle of the axes. */
  private readonly reach: Vector;
  private readonly inverse: readonly number[];

  /** `affine` has the rows of the 4×4 matrix, as in JSON. Throws where it has no inverse. */
  constructor(
    readonly shape: Vector,
    readonly affine: readonly (readonly number[])[],
  ) {
    const [nx, ny, nz] = shape;
    this.count = nx * ny * nz;
    const a = affine;
    const metric: number[] = [];
    for (let p = 0; p < 3; p++) {
      for (let q = 0; q < 3; q++) {
        metric.push(a[0][p] * a[0][q] + a[1][p] * a[1][q] + a[2][p] * a[2][q]);
      }
    }
    this.metric = metric;
    this.inverse = invert3(a);
    const row = (p: number) =>
      Math.hypot(this.inverse[3 * p], this.inverse[3 * p + 1], this.inverse[3 * p + 2]);
    this.reach = [row(0), row(1), row(2)];
  }

  index(i: number, j: number, k: number): number {
    return i + this.shape[0] * (j + this.shape[1] * k);
  }

  voxel(index: number): Vector {
    const [nx, ny] = this.shape;
    return [index % nx, Math.floor(index / nx) % ny, Math.floor(index / (nx * ny))];
  }

  contains(v: Vector): boolean {
    return v.every((x, axis) => x >= 0 && x <= this.shape[axis] - 1);
  }

  /** RAS millimetres of a (fractional) voxel. */
  world([i, j, k]: Vector): Vector {
    const at = (r: readonly number[]) => r[0] * i + r[1] * j + r[2] * k + r[3];
    return [at(this.affine[0]), at(this.affine[1]), at(this.affine[2])];
  }

  /** The fractional voxel of RAS millimetres. */
  voxelAt(world: Vector): Vector {
    const d = world.map((x, row) => x - this.affine[row][3]);
    const m = this.inverse;
    const at = (r: number) => m[r] * d[0] + m[r + 1] * d[1] + m[r + 2] * d[2];
    return [at(0), at(3), at(6)];
  }

  /** dᵀ·metric·e in mm²; with d = e the squared length of a voxel offset. */
  product(d: Vector, e: Vector): number {
    const m = this.metric;
    return (
      d[0] * (m[0] * e[0] + m[1] * e[1] + m[2] * e[2]) +
      d[1] * (m[3] * e[0] + m[4] * e[1] + m[5] * e[2]) +
      d[2] * (m[6] * e[0] + m[7] * e[1] + m[8] * e[2])
    );
  }

  get voxelMm3(): number {
    return Math.abs(determinant3(this.affine));
  }

  /** Millimetres between the centres of neighbours along one axis. */
  spacing(axis: Axis): number {
    return Math.sqrt(this.metric[4 * axis]);
  }

  /** The voxels that can lie within `radius` mm of the line from `a` to `b`, cut to the grid. */
  around(a: Vector, b: Vector, radius: number): Box | null {
    const low: number[] = [];
    const high: number[] = [];
    for (let axis = 0; axis < 3; axis++) {
      const margin = radius * this.reach[axis];
      low.push(Math.max(0, Math.ceil(Math.min(a[axis], b[axis]) - margin - 1e-9)));
      high.push(
        Math.min(this.shape[axis] - 1, Math.floor(Math.max(a[axis], b[axis]) + margin + 1e-9)),
      );
      if (high[axis] < low[axis]) return null;
    }
    return { low: low as unknown as Vector, high: high as unknown as Vector };
  }

  everything(): Box {
    const [nx, ny, nz] = this.shape;
    return { low: [0, 0, 0], high: [nx - 1, ny - 1, nz - 1] };
  }
}

/** RAS millimetres as people say them, H and F for head and foot: "R 12.0, A 5.5, F 40.0 mm". */
export function inWords(world: Vector): string {
  const sides = world.map((x, axis) => `${(x < 0 ? "LPF" : "RAH")[axis]} ${Math.abs(x).toFixed(1)}`);
  return `${sides.join(", ")} mm`;
}

/** The smallest box around both; `null` is empty. */
export function union(a: Box | null, b: Box | null): Box | null {
  if (!a || !b) return a ?? b;
  const pick = (f: (x: number, y: number) => number, p: Vector, q: Vector): Vector => [
    f(p[0], q[0]),
    f(p[1], q[1]),
    f(p[2], q[2]),
  ];
  return { low: pick(Math.min, a.low, b.low), high: pick(Math.max, a.high, b.high) };
}

/** Of the first three rows and columns; negative where the grid is left-handed. */
export function determinant3([a, b, c]: readonly (readonly number[])[]): number {
  return (
    a[0] * (b[1] * c[2] - b[2] * c[1]) -
    a[1] * (b[0] * c[2] - b[2] * c[0]) +
    a[2] * (b[0] * c[1] - b[1] * c[0])
  );
}

function invert3(a: readonly (readonly number[])[]): number[] {
  const [[a0, a1, a2], [b0, b1, b2], [c0, c1, c2]] = a;
  const determinant = determinant3(a);
  const minors = [
    b1 * c2 - b2 * c1, a2 * c1 - a1 * c2, a1 * b2 - a2 * b1,
    b2 * c0 - b0 * c2, a0 * c2 - a2 * c0, a2 * b0 - a0 * b2,
    b0 * c1 - b1 * c0, a1 * c0 - a0 * c1, a0 * b1 - a1 * b0,
  ];
  if (!Number.isFinite(determinant) || Math.abs(determinant) < 1e-12) {
    throw new Error("The grid's affine has no inverse.");
  }
  return minors.map((m) => m / determinant);
}
