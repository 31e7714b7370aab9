import { Icon } from "../parts/icon";
import { presets } from "../viewer/window";
import { inWords, type Vector } from "../volume/grid";
import { LABEL_NAMES, type Label } from "../volume/labels";
import type { Layout } from "./display";
import type { CaseSession } from "./session";

const LAYOUTS: [Layout, string][] = [
  ["four", "Four"], ["axial", "Axial"], ["coronal", "Coronal"], ["sagittal", "Sagittal"], ["3d", "3D"],
];

/** Overlay, labels, brightness and panes. */
export function LookPanel({ session, correcting }: { session: CaseSession; correcting: boolean }) {
  const { display } = session;
  const { low, high } = display.window.value;
  const { p1, p99 } = session.info.value.percentiles;
  const digits = p99 - p1 > 50 ? 0 : 2;
  return (
    <section class="card" aria-labelledby="look-title">
      <header><h2 id="look-title">View</h2></header>
      <div class="segments wide" role="group" aria-label="Layout">
        {LAYOUTS.map(([layout, name]) => (
          <button
            key={layout} aria-pressed={display.layout.value === layout}
            onClick={() => display.setLayout(layout)}
          >
            {name}
          </button>
        ))}
      </div>
      <ul class="labels">
        {([1, 2] as Label[]).map((label) => (
          <LabelLine key={label} session={session} label={label} correcting={correcting} />
        ))}
      </ul>
      <label class="row">
        <span class="field">Overlay</span>
        <input
          type="range" min={0} max={1} step={0.05} value={display.opacity.value}
          disabled={!display.overlay.value || display.outline.value}
          onInput={(event) => {
            display.opacity.value = event.currentTarget.valueAsNumber;
            display.looks();
          }}
        />
        <output>{Math.round(100 * display.opacity.value)} %</output>
      </label>
      <div class="row checks">
        <Check name="Show" on={display.overlay.value} toggle={() => display.toggleOverlay()} />
        <Check name="Outline" on={display.outline.value} toggle={() => display.toggleOutline()} />
        <Check name="Hatched" on={display.hatched.value} toggle={() => display.toggleHatch()} />
        <Check
          name="Crosshair" on={display.crosshair.value} toggle={() => display.toggleCrosshair()}
        />
      </div>
      <div class="row">
        <span class="field">Window</span>
        <div class="segments" role="group" aria-label="Brightness window">
          {presets(session.info.value.percentiles).map((preset) => (
            <button
              key={preset.name}
              aria-pressed={preset.low === low && preset.high === high}
              onClick={() => display.setWindow({ low: preset.low, high: preset.high })}
            >
              {preset.name}
            </button>
          ))}
        </div>
      </div>
      <div class="row">
        <span class="field" aria-hidden="true" />
        <span class="muted window-values">
          level {((low + high) / 2).toFixed(digits)}, width {(high - low).toFixed(digits)}
        </span>
        <button class="quiet end" onClick={() => display.reset()}>Reset</button>
      </div>
      <Check
        name="Patient's right on the left" on={display.radiological.value}
        toggle={() => display.toggleSides()}
      />
      <Here session={session} digits={digits} />
    </section>
  );
}

function Check({ name, on, toggle }: { name: string; on: boolean; toggle: () => void }) {
  return (
    <label class="check">
      <input type="checkbox" checked={on} onChange={toggle} />
      {name}
    </label>
  );
}

/** Where the crosshair is, and what is there: in words, as the canvas says nothing to a reader. */
function Here({ session, digits }: { session: CaseSession; digits: number }) {
  const { drawn, viewer } = session.display;
  drawn.value;
  if (!viewer) return null;
  const voxel = viewer.crosshair.map(Math.round) as unknown as Vector;
  const index = session.grid.index(...voxel);
  const label = session.display.labelAt(index);
  return (
    <p class="muted here">
      {inWords(session.grid.world(voxel))}
      <br />
      brightness {viewer.brightness(index).toFixed(digits)}
      {label !== null && `, ${LABEL_NAMES[label].toLowerCase()}`}
    </p>
  );
}

function LabelLine({ session, label, correcting }: {
  session: CaseSession;
  label: Label;
  correcting: boolean;
}) {
  const { display, tools } = session;
  const shown = display.visible.value.has(label);
  const locked = tools.locked.value.has(label);
  const name = LABEL_NAMES[label];
  return (
    <li>
      <span class="swatch" data-label={label} aria-hidden="true" />
      <span>{name}</span>
      <span class="end">
        <button
          class="icon" aria-pressed={shown} aria-label={`Show ${name.toLowerCase()}`}
          title={shown ? "Shown" : "Hidden"} onClick={() => display.toggleLabel(label)}
        >
          <Icon name={shown ? "eye" : "eyeOff"} />
        </button>
        {correcting && (
          <button
            class="icon" aria-pressed={locked} aria-label={`Lock ${name.toLowerCase()}`}
            title={locked ? "Locked: none of its voxels change" : "May change"}
            onClick={() => tools.toggleLock(label)}
          >
            <Icon name={locked ? "lock" : "unlock"} />
          </button>
        )}
      </span>
    </li>
  );
}
