import { describe, expect, it } from "vitest";
import { middleOf, piecesOf, sameLesion, touches } from "../src/edit/lesion";
import type { Vector } from "../src/volume/grid";
import { OBLIQUE, PLAIN } from "./grids";

describe("pieces of a label", () => {
  const labels = new Uint8Array(PLAIN.count);
  const put = (label: number, ...at: Vector) => (labels[PLAIN.index(...at)] = label);
  for (const i of [3, 4, 5, 6]) put(2, i, 7, 5);
  put(2, 7, 8, 6); // by a corner
  put(2, 20, 20, 9);
  put(1, 21, 21, 10);

  it("are found, the largest first", () => {
    const pieces = piecesOf(PLAIN, labels, 2);
    expect(pieces.map((piece) => piece.length)).toEqual([5, 1]);
    expect(pieces[1]).toEqual([PLAIN.index(20, 20, 9)]);
    expect(piecesOf(PLAIN, new Uint8Array(PLAIN.count), 2)).toEqual([]);
  });

  it("have a middle that is one of their voxels", () => {
    const [large] = piecesOf(PLAIN, labels, 2);
    expect(middleOf(PLAIN, large)).toEqual([5, 7, 5]);
    const ring = [[9, 9], [9, 11], [11, 9], [11, 11]].map(([i, j]) => OBLIQUE.index(i, j, 3));
    expect(ring).toContain(OBLIQUE.index(...middleOf(OBLIQUE, ring)));
  });

  it("touch a label by a corner, or do not", () => {
    const [large, small] = piecesOf(PLAIN, labels, 2);
    expect(touches(PLAIN, labels, small, 1)).toBe(true);
    expect(touches(PLAIN, labels, large, 1)).toBe(false);
  });
});

describe("a lesion that was measured again", () => {
  const lesion = (id: number, centre_voxel: Vector, diameter_3d_mm: number | null) => ({
    id, centre_voxel, diameter_3d_mm,
  });

  it("is the one that lies where it lay, whatever its number is now", () => {
    const before = lesion(1, [10, 10, 5], 12);
    const now = [lesion(1, [30, 30, 5], 40), lesion(2, [11, 10, 5], 14)];
    expect(sameLesion(PLAIN, before, now)?.id).toBe(2);
  });

  it("is found when it has grown to one side, and is gone when nothing is near", () => {
    const before = lesion(1, [10, 10, 5], 4);
    expect(sameLesion(PLAIN, before, [lesion(3, [14, 10, 5], 20)])?.id).toBe(3);
    expect(sameLesion(PLAIN, before, [lesion(3, [34, 10, 5], 6)])).toBeNull();
    expect(sameLesion(PLAIN, before, [])).toBeNull();
  });

  it("of one voxel is itself", () => {
    const one = lesion(1, [10, 10, 5], null);
    expect(sameLesion(PLAIN, one, [lesion(2, [10, 10, 5], null)])?.id).toBe(2);
  });
});
