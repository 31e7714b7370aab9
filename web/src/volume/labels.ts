/** What the values of a label map mean; they never overlap, and the liver is 1 and 2 together. */
export type Label = 0 | 1 | 2;

export const BACKGROUND: Label = 0;
export const PARENCHYMA: Label = 1;
export const TUMOUR: Label = 2;

export const LABEL_NAMES: Record<Label, string> = {
  0: "Background",
  1: "Liver",
  2: "Lesion",
};
