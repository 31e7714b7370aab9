/** Brightness near the crosshair: a range for the threshold brush. */
import { sweep } from "../edit/shapes";
import type { CaseSession } from "./session";

const RADIUS_MM = 3;

/** Mean ± 2 SD of the voxels within 3 mm; null before the image is there. */
export function brightnessAround(session: CaseSession): { low: number; high: number } | null {
  const { viewer } = session.display;
  if (!viewer) return null;
  const at = viewer.crosshair;
  let n = 0;
  let sum = 0;
  let squares = 0;
  sweep(session.grid, at, at, RADIUS_MM, null, (index) => {
    const value = viewer.brightness(index);
    n++;
    sum += value;
    squares += value * value;
  });
  if (n === 0) return null;
  const mean = sum / n;
  const spread = 2 * Math.sqrt(Math.max(0, squares / n - mean * mean));
  return { low: mean - spread, high: mean + spread };
}
