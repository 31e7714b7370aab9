import { describe, expect, it } from "vitest";
import { Editor } from "../src/edit/editor";
import { encode, replay } from "../src/edit/delta";
import { FREE, ruled, type Rules } from "../src/edit/rules";
import { pieceAt } from "../src/edit/lesion";
import { difference, worstPlace } from "../src/edit/difference";
import type { Label } from "../src/volume/labels";
import type { Vector } from "../src/volume/grid";
import { OBLIQUE, PLAIN } from "./grids";

const rules = (changes: Partial<Rules>): Rules => ({ ...FREE, ...changes });

/** Numbers in [0, 1) from a seed (mulberry32's constants are public domain). */
function chance(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** toEqual takes seconds on voxels. */
function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

function scribble(editor: Editor, random: () => number, label: Label): void {
  const point = (): Vector =>
    editor.grid.shape.map((n) => random() * (n - 1)) as unknown as Vector;
  editor.begin("brush");
  let from = point();
  for (let piece = 0; piece < 3; piece++) {
    const to = point();
    editor.paint(from, to, { radius: 1 + 4 * random(), plane: random() < 0.5 ? 2 : null, label, rules: FREE });
    from = to;
  }
  editor.end();
}

describe("undo and redo", () => {
  it("walk through sixty edits and back, voxel for voxel", () => {
    const random = chance(7);
    const editor = new Editor(OBLIQUE, new Uint8Array(OBLIQUE.count));
    const states = [editor.labels.slice()];
    while (states.length <= 60) {
      const before = editor.history.undoable;
      scribble(editor, random, Math.floor(random() * 3) as Label);
      if (editor.history.undoable > before) states.push(editor.labels.slice());
    }
    for (let n = 59; n >= 0; n--) {
      editor.undo();
      expect(same(editor.labels, states[n])).toBe(true);
    }
    expect(editor.undo()).toBeNull();
    for (let n = 1; n <= 60; n++) {
      editor.redo();
      expect(same(editor.labels, states[n])).toBe(true);
    }
    expect(editor.redo()).toBeNull();
  });

  it("a new edit ends what could be redone", () => {
    const editor = new Editor(PLAIN, new Uint8Array(PLAIN.count));
    editor.relabel([1, 2], 1, "fill");
    editor.undo();
    editor.relabel([3], 2, "fill");
    expect(editor.redo()).toBeNull();
    expect([...editor.labels.slice(0, 5)]).toEqual([0, 0, 0, 2, 0]);
  });

  it("one stroke over itself is one edit with what was there before it", () => {
    const editor = new Editor(PLAIN, new Uint8Array(PLAIN.count).fill(1));
    editor.begin("brush");
    const at: Vector = [10, 10, 5];
    editor.paint(at, at, { radius: 3, plane: 2, label: 2, rules: FREE });
    editor.paint(at, at, { radius: 3, plane: 2, label: 0, rules: FREE });
    const delta = editor.end()!;
    expect(delta.became[2]).toBe(0);
    expect(delta.became[0]).toBe(delta.count);
    editor.undo();
    expect(editor.labels.every((v) => v === 1)).toBe(true);
  });

  it("forgets the oldest beyond its limit", () => {
    const editor = new Editor(PLAIN, new Uint8Array(PLAIN.count));
    for (let n = 0; n < 205; n++) editor.relabel([n], 1, "fill");
    expect(editor.history.undoable).toBe(200);
  });

  it("an edit that changes nothing is none", () => {
    const editor = new Editor(PLAIN, new Uint8Array(PLAIN.count).fill(1));
    expect(editor.relabel([4, 5], 1, "fill")).toBeNull();
    expect(editor.history.undoable).toBe(0);
  });

  it("a whole map from elsewhere is one edit", () => {
    const editor = new Editor(PLAIN, new Uint8Array(PLAIN.count));
    const map = new Uint8Array(PLAIN.count);
    map[77] = 2;
    map[PLAIN.count - 1] = 1;
    const delta = editor.replace(map, "smooth")!;
    expect(delta.count).toBe(2);
    expect(delta.box).toEqual({ low: [37, 1, 0], high: [39, 35, 19] });
    editor.undo();
    expect(editor.labels.some((v) => v > 0)).toBe(false);
  });

  it("refuses a map of another size", () => {
    const editor = new Editor(PLAIN, new Uint8Array(PLAIN.count));
    expect(() => editor.replace(new Uint8Array(3), "smooth")).toThrow("does not fit");
  });
});

describe("a coded edit", () => {
  it("is short: a run of ten thousand voxels takes five bytes", () => {
    const labels = new Uint8Array(70000).fill(2, 50000, 60000);
    const indices = Uint32Array.from({ length: 10000 }, (_, n) => 50000 + n);
    const coded = encode(indices, () => 1, labels);
    expect(coded.count).toBe(10000);
    expect(coded.runs.length).toBeLessThanOrEqual(6);
    const box = PLAIN.everything();
    replay({ tool: "t", box, ...coded }, labels, "back");
    expect(labels[49999]).toBe(0);
    expect(labels[50000]).toBe(1);
    expect(labels[59999]).toBe(1);
    expect(labels[60000]).toBe(0);
  });
});

describe("rules", () => {
  it("a locked label neither loses nor gains a voxel", () => {
    const locked = rules({ locked: new Set<Label>([2]) });
    expect(ruled(2, 1, 0, locked)).toBe(2);
    expect(ruled(1, 2, 0, locked)).toBe(1);
    expect(ruled(0, 1, 0, locked)).toBe(1);
  });

  it("inside the liver nothing outside changes, and erasing a lesion leaves liver", () => {
    const inside = rules({ insideLiver: true });
    expect(ruled(0, 2, 0, inside)).toBe(0);
    expect(ruled(1, 2, 0, inside)).toBe(2);
    expect(ruled(2, 0, 0, inside)).toBe(1);
    expect(ruled(1, 0, 0, inside)).toBe(1);
  });

  it("a threshold takes its ends in, and no NaN", () => {
    const window = rules({ threshold: { low: 10, high: 20 } });
    expect([9.9, 10, 20, 20.1, NaN].map((x) => ruled(0, 2, x, window))).toEqual([0, 2, 2, 0, 0]);
  });

  it("the brush paints by brightness", () => {
    const bright = (index: number) => (index % 2 ? 100 : 5);
    const editor = new Editor(PLAIN, new Uint8Array(PLAIN.count), bright);
    editor.begin("threshold brush");
    const at: Vector = [20, 18, 5];
    editor.paint(at, at, { radius: 5, plane: 2, label: 2, rules: rules({ threshold: { low: 50, high: 200 } }) });
    editor.end();
    const painted = [...editor.labels.keys()].filter((v) => editor.labels[v] === 2);
    expect(painted.length).toBeGreaterThan(20);
    expect(painted.every((v) => v % 2 === 1)).toBe(true);
  });
});

describe("the voxels of a lesion", () => {
  const labels = new Uint8Array(PLAIN.count).fill(1);
  const ring = [[9, 9], [9, 10], [9, 11], [10, 9], [10, 11], [11, 9], [11, 10], [11, 11]];
  ring.forEach(([i, j]) => (labels[PLAIN.index(i, j, 5)] = 2));
  labels[PLAIN.index(12, 12, 6)] = 2; // touches by a corner
  labels[PLAIN.index(30, 30, 5)] = 2;

  it("hang together by corners, and are found from the hole in their middle", () => {
    expect(pieceAt(PLAIN, labels, [10, 10, 5], 2)).toHaveLength(9);
  });

  it("are none where none is near", () => {
    expect(pieceAt(PLAIN, labels, [2, 2, 15], 2, 4)).toEqual([]);
  });
});

it("a difference says which map has the voxel", () => {
  const { map, changed } = difference(Uint8Array.of(0, 1, 0, 1, 2), Uint8Array.of(0, 0, 2, 2, 2));
  expect([...map]).toEqual([0, 1, 2, 3, 0]);
  expect(changed).toBe(3);
  expect(() => difference(new Uint8Array(1), new Uint8Array(2))).toThrow("different size");
});

describe("where a comparison has the most to show", () => {
  it("is in the fullest slice, in the middle of what differs there", () => {
    const map = new Uint8Array(PLAIN.count);
    const put = (...at: Vector) => (map[PLAIN.index(...at)] = 1);
    for (let i = 10; i <= 14; i++) put(i, 7, 5);
    for (let i = 20; i <= 22; i++) put(i, 7, 9);
    expect(worstPlace(PLAIN, map, 2)).toEqual([12, 7, 5]);
    expect(worstPlace(PLAIN, map, 0)).toEqual([10, 7, 5]); // one in each: the first
  });

  it("is a voxel that differs, also of two that lie apart", () => {
    const map = new Uint8Array(OBLIQUE.count);
    map[OBLIQUE.index(2, 3, 4)] = map[OBLIQUE.index(40, 30, 4)] = 2;
    const [i, j, k] = worstPlace(OBLIQUE, map, 2) as Vector;
    expect(map[OBLIQUE.index(i, j, k)]).toBe(2);
  });

  it("is nowhere where nothing differs", () => {
    expect(worstPlace(PLAIN, new Uint8Array(PLAIN.count), 1)).toBeNull();
  });
});
