import { Grid } from "../src/volume/grid";

/** Grids as scanners make them, and worse. */
export const PLAIN = new Grid([40, 36, 20], [
  [1, 0, 0, 0],
  [0, 1, 0, 0],
  [0, 0, 1, 0],
  [0, 0, 0, 1],
]);

/** Anisotropic, rotated about two axes, left-handed (the first axis is mirrored). */
export const OBLIQUE = new Grid([48, 40, 16], oblique(-0.9, 1.3, 3.5));

/** Sheared: no rotation makes its axes perpendicular. */
export const SHEARED = new Grid([30, 30, 20], [
  [1.1, 0.4, 0, -20],
  [0, 1.2, 0.3, -15],
  [0.2, 0, 2.5, 10],
  [0, 0, 0, 1],
]);

function oblique(x: number, y: number, z: number): number[][] {
  const [a, b] = [0.35, -0.5];
  const [ca, sa, cb, sb] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b)];
  return [
    [ca * x, -sa * cb * y, sa * sb * z, 30],
    [sa * x, ca * cb * y, -ca * sb * z, -12],
    [0, sb * y, cb * z, 5],
    [0, 0, 0, 1],
  ];
}
