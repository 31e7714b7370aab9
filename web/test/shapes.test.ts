import { describe, expect, it } from "vitest";
import { sweep } from "../src/edit/shapes";
import type { Axis, Grid, Vector } from "../src/volume/grid";
import { OBLIQUE, PLAIN, SHEARED } from "./grids";

function swept(grid: Grid, from: Vector, to: Vector, radius: number, plane: Axis | null) {
  const found: number[] = [];
  sweep(grid, from, to, radius, plane, (index) => found.push(index));
  return found.sort((a, b) => a - b);
}

/** The same by brute force in the world: millimetres from a voxel's centre to the segment. */
function expected(grid: Grid, from: Vector, to: Vector, radius: number, plane: Axis | null) {
  const found: number[] = [];
  const level = plane === null ? 0 : Math.round(to[plane]);
  const flat = (v: Vector) =>
    grid.world(v.map((x, axis) => (axis === plane ? level : x)) as unknown as Vector);
  const a = flat(from);
  const b = flat(to);
  for (let index = 0; index < grid.count; index++) {
    const v = grid.voxel(index);
    if (plane !== null && v[plane] !== level) continue;
    const p = grid.world(v);
    const ab = b.map((x, axis) => x - a[axis]);
    const ap = p.map((x, axis) => x - a[axis]);
    const length2 = ab.reduce((sum, x) => sum + x * x, 0);
    const dot = ab.reduce((sum, x, axis) => sum + x * ap[axis], 0);
    const t = length2 > 0 ? Math.min(1, Math.max(0, dot / length2)) : 0;
    if (Math.hypot(...ap.map((x, axis) => x - t * ab[axis])) <= radius) found.push(index);
  }
  return found;
}

describe.each([["plain", PLAIN], ["oblique", OBLIQUE], ["sheared", SHEARED]])("on a %s grid", (_, grid) => {
  const from: Vector = [9.3, 10.2, 8];
  const to: Vector = [17.6, 15.1, 8];

  it.each([0, 1, 2] as Axis[])("a disc in the plane of axis %i is a disc in millimetres", (plane) => {
    expect(swept(grid, to, to, 7.3, plane)).toEqual(expected(grid, to, to, 7.3, plane));
  });

  it("a ball is a ball in millimetres", () => {
    expect(swept(grid, to, to, 6.1, null)).toEqual(expected(grid, to, to, 6.1, null));
  });

  it("a stroke leaves no gap between its ends", () => {
    expect(swept(grid, from, to, 4.2, 2)).toEqual(expected(grid, from, to, 4.2, 2));
    expect(swept(grid, from, to, 4.2, null)).toEqual(expected(grid, from, to, 4.2, null));
  });

  it("the smallest brush paints the voxel under it, once", () => {
    expect(swept(grid, [5.4, 6.4, 7.4], [5.4, 6.4, 7.4], 0.01, null)).toEqual([grid.index(5, 6, 7)]);
  });
});

it("paints nothing outside the grid", () => {
  expect(swept(PLAIN, [-30, 5, 5], [-30, 5, 5], 4, null)).toEqual([]);
});

it("a brush 20 mm wide covers 314 mm² of a 1 mm grid", () => {
  const count = swept(PLAIN, [20, 18, 5], [20, 18, 5], 10, 2).length;
  expect(Math.abs(count - Math.PI * 100)).toBeLessThan(5);
});
