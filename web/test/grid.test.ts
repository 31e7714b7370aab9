import { describe, expect, it } from "vitest";
import { Grid, inWords, union, type Vector } from "../src/volume/grid";
import { OBLIQUE, PLAIN, SHEARED } from "./grids";

describe.each([["plain", PLAIN], ["oblique", OBLIQUE], ["sheared", SHEARED]])("a %s grid", (_, grid) => {
  it("numbers voxels with i fastest, and back", () => {
    expect(grid.index(1, 0, 0)).toBe(1);
    expect(grid.index(0, 1, 0)).toBe(grid.shape[0]);
    for (const v of [[3, 5, 7], [0, 0, 0], [11, 2, 15]] as Vector[]) {
      expect(grid.voxel(grid.index(...v))).toEqual(v);
    }
  });

  it("goes to the world and back", () => {
    const v: Vector = [3.25, 7.5, 2];
    grid.voxelAt(grid.world(v)).forEach((x, axis) => expect(x).toBeCloseTo(v[axis], 9));
  });

  it("measures offsets as the world does", () => {
    const a = grid.world([2, 3, 4]);
    const b = grid.world([5, 1, 6]);
    const d: Vector = [3, -2, 2];
    expect(Math.sqrt(grid.product(d, d))).toBeCloseTo(
      Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]), 9,
    );
  });

  it("bounds every voxel within a radius", () => {
    const centre: Vector = [15, 14, 9];
    const box = grid.around(centre, centre, 6)!;
    for (let index = 0; index < grid.count; index++) {
      const v = grid.voxel(index);
      const d = v.map((x, axis) => x - centre[axis]) as unknown as Vector;
      if (grid.product(d, d) > 36) continue;
      v.forEach((x, axis) => {
        expect(x).toBeGreaterThanOrEqual(box.low[axis]);
        expect(x).toBeLessThanOrEqual(box.high[axis]);
      });
    }
  });
});

it("has no box where the ball misses the grid", () => {
  expect(PLAIN.around([-50, 0, 0], [-50, 0, 0], 3)).toBeNull();
});

it("refuses an affine without inverse", () => {
  const flat = [[1, 0, 0, 0], [2, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]];
  expect(() => new Grid([2, 2, 2], flat)).toThrow("no inverse");
});

it("joins boxes, the empty one too", () => {
  const box = { low: [1, 2, 3], high: [4, 5, 6] } as const;
  expect(union(null, box)).toEqual(box);
  expect(union(box, { low: [0, 9, 3], high: [0, 9, 9] })).toEqual({ low: [0, 2, 3], high: [4, 9, 9] });
});

describe("a place in words", () => {
  it("names the side of each axis, of RAS millimetres", () => {
    expect(inWords([12, -5.46, 0])).toBe("R 12.0, P 5.5, H 0.0 mm");
    expect(inWords([-1, 2, -300])).toBe("L 1.0, A 2.0, F 300.0 mm");
  });
});

it.each([["plain", PLAIN, 1], ["oblique", OBLIQUE, 0.9 * 1.3 * 3.5], ["sheared", SHEARED, 1.1 * 3 + 0.4 * 0.06]])(
  "a voxel of a %s grid has a volume, whichever hand it is of",
  (_, grid, mm3) => expect(grid.voxelMm3).toBeCloseTo(mm3, 6),
);
