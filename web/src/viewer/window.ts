/** Brightness windows for a liver in MRI, where values have no unit: from percentiles. */
import type { Percentiles } from "../api/types";

export interface Window {
  readonly low: number;
  readonly high: number;
}

export interface Preset extends Window {
  readonly name: string;
}

/** "Liver" and "Lesions" are left out where no liver was found. */
export function presets(p: Percentiles): Preset[] {
  const list: Preset[] = [{ name: "Whole", low: p.p1, high: p.p99 }];
  if (p.liver_low !== null && p.liver_high !== null && p.liver_high > p.liver_low) {
    const { liver_low: low, liver_high: high } = p;
    const width = high - low;
    list.unshift(
      { name: "Liver", low: low - 1.2 * width, high: high + 0.8 * width },
      { name: "Lesions", low: low - 0.5 * width, high: high + 0.25 * width },
    );
  }
  return list.filter((preset) => preset.high > preset.low);
}

/**
 * Drag the window: right is wider, up is brighter (a lower level), by a share of `range` per pixel.
 * The width never falls below a thousandth of the range.
 */
export function dragged(from: Window, dx: number, dy: number, range: number): Window {
  const gain = range / 600;
  const level = (from.low + from.high) / 2 + dy * gain;
  const width = Math.max(from.high - from.low + 2 * dx * gain, range / 1000);
  return { low: level - width / 2, high: level + width / 2 };
}
