/** A ruler for a pane: a round length that is easy to see. */
const LENGTHS_MM = [1, 2, 5, 10, 20, 50, 100, 200];

/** The longest round length that takes at most a quarter of `width` CSS pixels at `scale` pixels per mm. */
export function rulerMm(scale: number, width: number): number {
  const fitting = LENGTHS_MM.filter((mm) => mm * scale <= width / 4);
  return fitting[fitting.length - 1] ?? LENGTHS_MM[0];
}
