import { describe, expect, it } from "vitest";
import { bodyOf } from "../src/viewer/body";
import { letterOf, Orientation } from "../src/viewer/orientation";
import { surfaceOf, type Surface } from "../src/viewer/surface";
import { rulerMm } from "../src/viewer/ruler";
import { dragged, presets } from "../src/viewer/window";
import type { Grid, Vector } from "../src/volume/grid";
import { OBLIQUE, PLAIN, SHEARED } from "./grids";

describe.each([[[1, 2, 3]], [[-1, 2, 3]], [[-2, 3, -1]], [[3, -1, 2]]])("orientation %j", (perm) => {
  const shape: Vector = [3, 4, 5];
  const orientation = new Orientation(perm, shape);

  it("goes to the file's voxels and back", () => {
    const voxel: Vector = [0.25, 2, 4];
    expect(orientation.toFile(orientation.toViewer(voxel))).toEqual(voxel);
  });

  it("copies each voxel to where the viewer has it", () => {
    const file = Uint8Array.from({ length: 60 }, (_, v) => v);
    const viewer = new Uint8Array(60);
    const box = orientation.boxToViewer({ low: [0, 0, 0], high: [2, 3, 4] });
    expect(box.low).toEqual([0, 0, 0]);
    orientation.copy(file, viewer, box);
    const [nx, ny] = orientation.shape;
    for (let v = 0; v < 60; v++) {
      const at: Vector = [v % 3, Math.floor(v / 3) % 4, Math.floor(v / 12)];
      const [x, y, z] = orientation.toViewer(at);
      expect(viewer[x + nx * (y + ny * z)]).toBe(v);
    }
  });

  it("copies a part and leaves the rest alone", () => {
    const viewer = new Uint8Array(60);
    const box = orientation.boxToViewer({ low: [1, 1, 2], high: [2, 2, 3] });
    orientation.copy(new Uint8Array(60).fill(7), viewer, box);
    expect(viewer.filter((x) => x === 7)).toHaveLength(8);
  });
});

describe.each([["plain", PLAIN], ["oblique left-handed", OBLIQUE], ["sheared", SHEARED]])(
  "the surface of a ball on a %s grid",
  (_, grid) => {
    const radius = 7;
    const centre = grid.shape.map((n) => (n - 1) / 2) as unknown as Vector;
    const surface = surfaceOf(grid, ball(grid, centre, radius), [false, true], 1) as Surface;

    it("is closed, and faces outwards", () => {
      const edges = new Map<string, number>();
      const { triangles: t } = surface;
      for (let n = 0; n < t.length; n += 3) {
        for (const [p, q] of [[t[n], t[n + 1]], [t[n + 1], t[n + 2]], [t[n + 2], t[n]]]) {
          edges.set(`${p}>${q}`, (edges.get(`${p}>${q}`) ?? 0) + 1);
        }
      }
      for (const [edge, count] of edges) {
        const [p, q] = edge.split(">");
        expect(edges.get(`${q}>${p}`)).toBe(count);
      }
      expect(volume(surface)).toBeGreaterThan(0);
    });

    it("holds the ball's volume to a tenth and lies at its radius", () => {
      const ideal = (4 / 3) * Math.PI * radius ** 3;
      expect(Math.abs(volume(surface) / ideal - 1)).toBeLessThan(0.1);
      const middle = grid.world(centre);
      for (let p = 0; p < surface.points.length; p += 3) {
        const d = [0, 1, 2].map((axis) => surface.points[p + axis] - middle[axis]);
        expect(Math.abs(Math.hypot(...d) - radius)).toBeLessThan(2.6);
      }
    });
  },
);

it("no voxel inside: no surface", () => {
  expect(surfaceOf(PLAIN, new Uint8Array(PLAIN.count), [false, true, true], 2)).toBeNull();
});

function ball(grid: Grid, centre: Vector, radius: number): Uint8Array {
  const labels = new Uint8Array(grid.count);
  for (let v = 0; v < grid.count; v++) {
    const d = grid.voxel(v).map((x, axis) => x - centre[axis]) as unknown as Vector;
    if (grid.product(d, d) <= radius * radius) labels[v] = 1;
  }
  return labels;
}

/** By the divergence theorem; positive where triangles face outwards. */
function volume({ points: p, triangles: t }: Surface): number {
  let sum = 0;
  for (let n = 0; n < t.length; n += 3) {
    const [a, b, c] = [t[n], t[n + 1], t[n + 2]].map((v) => [p[3 * v], p[3 * v + 1], p[3 * v + 2]]);
    sum +=
      a[0] * (b[1] * c[2] - b[2] * c[1]) -
      a[1] * (b[0] * c[2] - b[2] * c[0]) +
      a[2] * (b[0] * c[1] - b[1] * c[0]);
  }
  return sum / 6;
}

describe("the body", () => {
  it("is framed without the air around it, noise and all", () => {
    const inside = (v: Vector) => v[0] >= 10 && v[0] <= 29 && v[1] >= 5 && v[1] <= 30;
    const bright = (index: number) => (inside(PLAIN.voxel(index)) ? 300 : index % 17);
    const { low, high } = bodyOf(PLAIN, bright);
    expect(low).toEqual([10, 5, 0]);
    expect(high).toEqual([29, 30, PLAIN.shape[2] - 1]);
  });

  it("is the whole image where nothing stands out", () => {
    expect(bodyOf(PLAIN, () => 5)).toEqual(PLAIN.everything());
    expect(bodyOf(PLAIN, () => NaN)).toEqual(PLAIN.everything());
  });
});

it("letters are those of the patient's sides, head and foot", () => {
  expect([[3, 1, 2], [-3, 1, 2], [0, 2, -1], [0, -2, 1], [1, 1, 2], [0, 1, -5]].map((d) =>
    letterOf(d as unknown as Vector))).toEqual([..."RLAPHF"]);
});

describe("windows", () => {
  const p = { p1: 0, p50: 100, p99: 500, liver_low: 200, liver_high: 300 };

  it("are centred on the liver where one was found", () => {
    const [liver, lesions, whole] = presets(p);
    expect(liver.low).toBeLessThan(200);
    expect(liver.high).toBeGreaterThan(300);
    expect(lesions.high - lesions.low).toBeLessThan(liver.high - liver.low);
    expect(whole).toEqual({ name: "Whole", low: 0, high: 500 });
  });

  it("are the whole image where none was, and none for a flat image", () => {
    expect(presets({ ...p, liver_low: null, liver_high: null }).map((w) => w.name)).toEqual(["Whole"]);
    expect(presets({ ...p, p99: 0, liver_low: null })).toEqual([]);
  });

  it("get wider to the right and never vanish", () => {
    const wider = dragged({ low: 0, high: 100 }, 10, 0, 600);
    expect(wider).toEqual({ low: -10, high: 110 });
    const thin = dragged({ low: 0, high: 100 }, -10_000, 0, 600);
    expect(thin.high - thin.low).toBeCloseTo(0.6);
  });
});

describe("the ruler", () => {
  it("is round, and takes at most a quarter of the pane", () => {
    expect(rulerMm(1.7, 560)).toBe(50);
    expect(rulerMm(10, 560)).toBe(10);
    expect(rulerMm(1, 200)).toBe(50);
  });

  it("is there at any zoom", () => {
    expect(rulerMm(500, 300)).toBe(1);
    expect(rulerMm(0.1, 4000)).toBe(200);
  });
});
