/** What can be set of each tool. */
import { useEffect } from "preact/hooks";
import { LABEL_NAMES, type Label } from "../volume/labels";
import { brightnessAround } from "./sample";
import type { CaseSession } from "./session";
import { LARGEST_MM, SMALLEST_MM } from "./tools";

export function LabelChoice({ session }: { session: CaseSession }) {
  const { label, erases } = session.tools;
  return (
    <div class="row">
      <span class="field">{erases ? "Erases" : "Paints"}</span>
      <div class="segments" role="group" aria-label={`Label to ${erases ? "erase" : "paint"}`}>
        {([2, 1] as Label[]).map((value) => (
          <button
            key={value} aria-pressed={label.value === value} onClick={() => (label.value = value)}
          >
            <span class="swatch" data-label={value} aria-hidden="true" /> {LABEL_NAMES[value]}
          </button>
        ))}
      </div>
    </div>
  );
}

export function BrushSize({ session }: { session: CaseSession }) {
  const { tools } = session;
  return (
    <>
      <label class="row">
        <span class="field">Size</span>
        <input
          type="range" min={SMALLEST_MM} max={LARGEST_MM} step={1} value={tools.sizeMm.value}
          onInput={(event) => (tools.sizeMm.value = event.currentTarget.valueAsNumber)}
        />
        <output>{tools.sizeMm.value} mm</output>
      </label>
      <div class="row">
        <span class="field">Shape</span>
        <div class="segments" role="group" aria-label="Shape of the brush">
          <button aria-pressed={!tools.ball.value} onClick={() => (tools.ball.value = false)}>
            Disc in the slice
          </button>
          <button aria-pressed={tools.ball.value} onClick={() => (tools.ball.value = true)}>
            Ball
          </button>
        </div>
      </div>
    </>
  );
}

export function Threshold({ session }: { session: CaseSession }) {
  const { range } = session.tools;
  const { p1, p99 } = session.info.value.percentiles;
  const step = (p99 - p1) / 200 || 1;
  const digits = step < 0.5 ? 2 : 0;
  const end = (name: "low" | "high", words: string) => (
    <label class="row">
      <span class="field">{words}</span>
      <input
        type="range" min={p1 - 20 * step} max={p99 + 40 * step} step={step} value={range.value[name]}
        onInput={(event) =>
          (range.value = { ...range.value, [name]: event.currentTarget.valueAsNumber })
        }
      />
      <output>{range.value[name].toFixed(digits)}</output>
    </label>
  );
  useEffect(() => {
    if (range.value.low === range.value.high) range.value = { low: p1, high: p99 };
  }, []);
  return (
    <>
      {end("low", "From")}
      {end("high", "To")}
      <button onClick={() => (range.value = brightnessAround(session) ?? range.value)}>
        As around the crosshair
      </button>
    </>
  );
}

export function FillSettings({ session }: { session: CaseSession }) {
  const { cuts } = session.tools;
  return (
    <>
      <div class="row">
        <span class="field">Inside</span>
        <div class="segments" role="group" aria-label="What becomes of the inside">
          <button aria-pressed={!cuts.value} onClick={() => (cuts.value = false)}>Fill</button>
          <button aria-pressed={cuts.value} onClick={() => (cuts.value = true)}>Cut out</button>
        </div>
      </div>
      <p class="muted">Draw round it; letting go closes the line.</p>
    </>
  );
}

export function GrowSettings({ session }: { session: CaseSession }) {
  const { tolerance, reachMm } = session.tools;
  return (
    <>
      <p class="muted">Click into what should get the label; it grows as far as it is as bright.</p>
      <label class="row">
        <span class="field">Tolerance</span>
        <input
          type="range" min={0.02} max={0.4} step={0.01} value={tolerance.value}
          onInput={(event) => (tolerance.value = event.currentTarget.valueAsNumber)}
        />
        <output>{Math.round(100 * tolerance.value)} %</output>
      </label>
      <label class="row">
        <span class="field">At most</span>
        <input
          type="range" min={5} max={100} step={1} value={reachMm.value}
          onInput={(event) => (reachMm.value = event.currentTarget.valueAsNumber)}
        />
        <output>{reachMm.value} mm</output>
      </label>
    </>
  );
}
