import { describe, expect, it } from "vitest";
import { bridge } from "../src/edit/bridge";
import { pieceAt } from "../src/edit/lesion";
import { sweep } from "../src/edit/shapes";
import { Grid, type Vector } from "../src/volume/grid";
import { OBLIQUE, PLAIN, SHEARED } from "./grids";

/** All liver, with balls of lesion. */
function liver(grid: Grid, balls: readonly Vector[], radius: number): Uint8Array {
  const labels = new Uint8Array(grid.count).fill(1);
  for (const at of balls) sweep(grid, at, at, radius, null, (v) => (labels[v] = 2));
  return labels;
}

const at = (grid: Grid, ...shares: number[]) =>
  grid.shape.map((n, axis) => Math.round((n - 1) * shares[axis])) as unknown as Vector;
const pieces = (grid: Grid, labels: Uint8Array, places: readonly Vector[]) =>
  places.map((place) => pieceAt(grid, labels, place, 2));

function count(grid: Grid, labels: Uint8Array): number {
  const left = labels.slice();
  let n = 0;
  for (let v = left.indexOf(2); v >= 0; v = left.indexOf(2), n++) {
    for (const voxel of pieceAt(grid, left, grid.voxel(v), 2)) left[voxel] = 0;
  }
  return n;
}

function painted(labels: Uint8Array, way: readonly number[]): Uint8Array {
  const after = labels.slice();
  for (const voxel of way) after[voxel] = 2;
  return after;
}

describe.each([["plain", PLAIN], ["oblique left-handed", OBLIQUE], ["sheared", SHEARED]])(
  "a bridge on a %s grid",
  (_, grid) => {
    const places = [at(grid, 0.2, 0.2, 0.3), at(grid, 0.8, 0.3, 0.6), at(grid, 0.3, 0.85, 0.5)];
    const labels = liver(grid, places, 3);

    it("makes those joined one, and leaves the others as they are", () => {
      expect(count(grid, labels)).toBe(3);
      const two = bridge(grid, labels, pieces(grid, labels, places.slice(0, 2))) as number[];
      expect(count(grid, painted(labels, two))).toBe(2);
      const three = bridge(grid, labels, pieces(grid, labels, places)) as number[];
      expect(count(grid, painted(labels, three))).toBe(1);
    });

    it("is of liver alone, each voxel once, and no longer than the way between the lesions", () => {
      const both = pieces(grid, labels, places.slice(0, 2));
      const way = bridge(grid, labels, both) as number[];
      expect(new Set(way).size).toBe(way.length);
      expect(way.every((voxel) => labels[voxel] === 1)).toBe(true);
      const mm = (a: number, b: number) => {
        const [p, q] = [grid.voxel(a), grid.voxel(b)];
        const d = p.map((x, axis) => x - q[axis]) as unknown as Vector;
        return Math.sqrt(grid.product(d, d));
      };
      let gap = Infinity;
      for (const a of both[0]) for (const b of both[1]) gap = Math.min(gap, mm(a, b));
      const walked = way.slice(1).reduce((sum, voxel, n) => sum + mm(voxel, way[n]), 0);
      // Steps along axes and diagonals only: longer than the straight line, but not by much.
      expect(walked).toBeLessThan(1.25 * gap);
    });
  },
);

describe("a bridge", () => {
  const grid = new Grid([9, 7, 1], [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]);
  const draw = (...rows: string[]) =>
    Uint8Array.from(rows.join("").split("").map((sign) => ".o#".indexOf(sign)));
  const joined = (labels: Uint8Array, ...places: Vector[]) =>
    bridge(grid, labels, pieces(grid, labels, places));

  it("is the shortest one, drawn by hand", () => {
    const labels = draw(
      ".........", ".ooooooo.", ".ooooooo.", ".#ooooo#.", ".ooooooo.", ".ooooooo.", ".........",
    );
    expect(joined(labels, [1, 3, 0], [7, 3, 0])?.sort((a, b) => a - b)).toEqual([29, 30, 31, 32, 33]);
  });

  it("goes round what is not liver, and round a lesion that was not chosen without touching it", () => {
    const labels = draw(
      "ooooooooo", "ooooooooo", "ooooooooo", "#ooo#ooo#", "ooooooooo", "....o....", "....o....",
    );
    const way = joined(labels, [0, 3, 0], [8, 3, 0]) as number[];
    const after = painted(labels, way);
    expect(count(grid, labels)).toBe(3);
    expect(count(grid, after)).toBe(2);
    expect(way.every((voxel) => labels[voxel] === 1)).toBe(true);
  });

  it("is refused where the liver is parted, or another lesion bars the way", () => {
    const parted = draw(
      "oooo.oooo", "oooo.oooo", "oooo.oooo", "#ooo.ooo#", "oooo.oooo", "oooo.oooo", "oooo.oooo",
    );
    expect(joined(parted, [0, 3, 0], [8, 3, 0])).toBeNull();
    const barred = draw(
      "oooo#oooo", "oooo#oooo", "oooo#oooo", "#ooo#ooo#", "oooo#oooo", "oooo#oooo", "oooo#oooo",
    );
    expect(joined(barred, [0, 3, 0], [8, 3, 0])).toBeNull();
    expect(joined(barred, [0, 3, 0], [4, 3, 0], [8, 3, 0])).toHaveLength(6);
  });

  it("of less than two lesions is none", () => {
    expect(bridge(grid, new Uint8Array(63), [])).toEqual([]);
    expect(bridge(grid, new Uint8Array(63), [[3]])).toEqual([]);
  });

  it("counts millimetres, not voxels", () => {
    // A voxel is 10 mm along i and 1 mm along j: eight steps along j are the shorter way.
    const flat = new Grid([3, 9, 1], [[10, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]);
    const labels = new Uint8Array(27).fill(1);
    const corners = ([[0, 0, 0], [2, 0, 0], [0, 8, 0]] as Vector[]).map((v) => flat.index(...v));
    for (const voxel of corners) labels[voxel] = 2;
    const way = bridge(flat, labels, corners.map((voxel) => [voxel])) as number[];
    expect(way.map((voxel) => flat.voxel(voxel)[0])).toEqual([...Array(7).fill(0), 1]);
  });
});
