/** What an edit may do to a voxel: locks, the liver, and the brightness of the image. */
import { BACKGROUND, PARENCHYMA, TUMOUR, type Label } from "../volume/labels";

export interface Rules {
  /** Labels that may neither lose nor gain a voxel. */
  readonly locked: ReadonlySet<Label>;
  /** Only voxels of the liver (1 and 2) change, and they stay liver: erasing a lesion leaves 1. */
  readonly insideLiver: boolean;
  /** Only voxels whose brightness lies in here, ends included. */
  readonly threshold: { readonly low: number; readonly high: number } | null;
  /** Only voxels of this label change; any, where it is left out. */
  readonly only?: Label | null;
}

export const FREE: Rules = { locked: new Set(), insideLiver: false, threshold: null };

/** The label that a voxel of `before` gets when `wanted` is painted over it. */
export function ruled(before: Label, wanted: Label, brightness: number, rules: Rules): Label {
  if (rules.threshold) {
    const { low, high } = rules.threshold;
    if (!(brightness >= low && brightness <= high)) return before;
  }
  if (rules.only && before !== rules.only) return before;
  let after = wanted;
  if (rules.insideLiver) {
    if (before === BACKGROUND) return before;
    if (wanted === BACKGROUND) after = before === TUMOUR ? PARENCHYMA : before;
  }
  return rules.locked.has(before) || rules.locked.has(after) ? before : after;
}
