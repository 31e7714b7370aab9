import { describe, expect, it } from "vitest";
import { insideOf } from "../src/edit/outline";
import type { Axis, Vector } from "../src/volume/grid";
import { OBLIQUE, PLAIN, SHEARED } from "./grids";

const square: Vector[] = [[2.5, 3.5, 4.2], [6.5, 3.5, 4.2], [6.5, 5.5, 4.2], [2.5, 5.5, 4.2]];

describe("inside an outline", () => {
  it("are the voxels whose centre is, in the slice of its first point", () => {
    const voxels = insideOf(PLAIN, square, 2).map((index) => PLAIN.voxel(index));
    expect(voxels).toEqual(
      [4, 5].flatMap((j) => [3, 4, 5, 6].map((i): Vector => [i, j, 4])),
    );
  });

  it("does not hang on where it starts, nor on which way round it goes", () => {
    const whole = insideOf(PLAIN, square, 2);
    expect(insideOf(PLAIN, [...square].reverse(), 2)).toEqual(whole);
    expect(insideOf(PLAIN, [...square.slice(2), ...square.slice(0, 2)], 2)).toEqual(whole);
  });

  it.each([[0], [1], [2]] as [Axis][])("is in slices across axis %i as in others", (plane) => {
    const turned = square.map(([a, b, c]) => {
      const p = [0, 0, 0];
      const [u, v] = [0, 1, 2].filter((axis) => axis !== plane);
      [p[u], p[v], p[plane]] = [a, b, c];
      return p as unknown as Vector;
    });
    const voxels = insideOf(PLAIN, turned, plane).map((index) => PLAIN.voxel(index));
    expect(voxels).toHaveLength(8);
    expect(new Set(voxels.map((voxel) => voxel[plane]))).toEqual(new Set([4]));
  });

  it("leaves out a bay", () => {
    const bay: Vector[] = [[0.5, 0.5, 0], [8.5, 0.5, 0], [8.5, 8.5, 0], [4.5, 3.5, 0], [0.5, 8.5, 0]];
    const voxels = new Set(insideOf(PLAIN, bay, 2));
    expect(voxels.has(PLAIN.index(4, 2, 0))).toBe(true);
    expect(voxels.has(PLAIN.index(4, 6, 0))).toBe(false);
  });

  it.each([["oblique", OBLIQUE], ["sheared", SHEARED]])(
    "is a disc in millimetres where the line is a circle in millimetres: %s grid",
    (_, grid) => {
      const middle = grid.shape.map((n) => Math.floor(n / 2)) as unknown as Vector;
      const radius = 8.3;
      const ring = Array.from({ length: 400 }, (_, n) => {
        const [c, s] = [Math.cos((n * Math.PI) / 200), Math.sin((n * Math.PI) / 200)];
        const scale = radius / Math.sqrt(grid.product([c, s, 0], [c, s, 0]));
        return [middle[0] + scale * c, middle[1] + scale * s, middle[2]] as Vector;
      });
      const inside = new Set(insideOf(grid, ring, 2));
      let count = 0;
      for (let i = 0; i < grid.shape[0]; i++) {
        for (let j = 0; j < grid.shape[1]; j++) {
          const d: Vector = [i - middle[0], j - middle[1], 0];
          const mm = Math.sqrt(grid.product(d, d));
          if (Math.abs(mm - radius) < 0.02) continue; // the ring is a polygon
          const index = grid.index(i, j, middle[2]);
          expect(inside.has(index)).toBe(mm < radius);
          if (mm < radius) count++;
        }
      }
      expect(count).toBeGreaterThan(50);
    },
  );

  it("is nothing for a click, a line, and a speck between voxels", () => {
    expect(insideOf(PLAIN, [[3, 3, 3]], 2)).toEqual([]);
    expect(insideOf(PLAIN, [[3, 3, 3], [9, 9, 3], [3, 3, 3]], 2)).toEqual([]);
    expect(insideOf(PLAIN, [[3.2, 3.2, 3], [3.4, 3.2, 3], [3.3, 3.4, 3]], 2)).toEqual([]);
  });
});
