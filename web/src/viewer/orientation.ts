/**
 * Between the file's voxel axes and the viewer's, which are the nearest to right, anterior, superior.
 *
 * NiiVue keeps its textures in that order and says how it got there (`permRAS`): entry r names the
 * file axis (from 1) that viewer axis r shows, negative where it runs against it.
 */
import type { Axis, Box, Vector } from "../volume/grid";

export class Orientation {
  /** File axis that each viewer axis shows. */
  readonly axes: readonly [Axis, Axis, Axis];
  readonly flipped: readonly [boolean, boolean, boolean];
  /** The shape in the viewer's order. */
  readonly shape: Vector;
  private readonly start: number;
  private readonly step: Vector;

  constructor(
    permRAS: readonly number[],
    readonly fileShape: Vector,
  ) {
    const axis = (r: number) => (Math.abs(permRAS[r]) - 1) as Axis;
    this.axes = [axis(0), axis(1), axis(2)];
    this.flipped = [permRAS[0] < 0, permRAS[1] < 0, permRAS[2] < 0];
    this.shape = this.axes.map((a) => fileShape[a]) as unknown as Vector;
    const strides = [1, fileShape[0], fileShape[0] * fileShape[1]];
    let start = 0;
    const step = this.axes.map((a, r) => {
      if (!this.flipped[r]) return strides[a];
      start += strides[a] * (fileShape[a] - 1);
      return -strides[a];
    });
    this.start = start;
    this.step = step as unknown as Vector;
  }

  /** Of a (fractional) voxel of the viewer, the voxel of the file. */
  toFile(viewer: Vector): Vector {
    const file = [0, 0, 0];
    this.axes.forEach((a, r) => {
      file[a] = this.flipped[r] ? this.fileShape[a] - 1 - viewer[r] : viewer[r];
    });
    return file as unknown as Vector;
  }

  toViewer(file: Vector): Vector {
    return this.axes.map((a, r) =>
      this.flipped[r] ? this.fileShape[a] - 1 - file[a] : file[a],
    ) as unknown as Vector;
  }

  boxToViewer(box: Box): Box {
    const a = this.toViewer(box.low);
    const b = this.toViewer(box.high);
    return {
      low: a.map((x, r) => Math.min(x, b[r])) as unknown as Vector,
      high: a.map((x, r) => Math.max(x, b[r])) as unknown as Vector,
    };
  }

  /** Copy a box (in the viewer's order) of `file` into `viewer`, through a table of values. */
  copy(file: Uint8Array, viewer: Uint8Array, box: Box): void {
    const [sx, sy, sz] = this.step;
    const [nx, ny] = this.shape;
    for (let z = box.low[2]; z <= box.high[2]; z++) {
      for (let y = box.low[1]; y <= box.high[1]; y++) {
        let to = box.low[0] + nx * (y + ny * z);
        let from = this.start + sx * box.low[0] + sy * y + sz * z;
        for (let x = box.low[0]; x <= box.high[0]; x++) {
          viewer[to++] = file[from];
          from += sx;
        }
      }
    }
  }
}

/** The letter of the patient's side that a direction (RAS) points to most. */
export function letterOf(direction: Vector): string {
  const axis = direction.reduce(
    (best, x, a) => (Math.abs(x) > Math.abs(direction[best]) ? a : best), 0,
  );
  return (direction[axis] > 0 ? "RAH" : "LPF")[axis];
}
