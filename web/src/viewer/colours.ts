/**
 * Colours of labels: from the palette of Okabe and Ito (2008), told apart with every common kind of
 * colour blindness, and of different lightness.
 */
export type Rgb = readonly [number, number, number];

export const LIVER_COLOUR: Rgb = [86, 180, 233];
export const LESION_COLOUR: Rgb = [240, 158, 28];
/** Differences: in the first map alone, in the second alone, another label. */
export const DIFFERENCE_COLOURS: readonly Rgb[] = [
  [204, 121, 167],
  [0, 190, 140],
  [240, 228, 66],
];
