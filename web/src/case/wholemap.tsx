import { useState } from "preact/hooks";
import type { Edit } from "../api/types";
import { LABEL_NAMES, TUMOUR } from "../volume/labels";
import type { CaseSession } from "./session";

/** Tools that work on the whole label at once; the server does them, one undo takes them back. */
export function WholeMapTools({ session }: { session: CaseSession }) {
  const { tools, display } = session;
  const [mm, setMm] = useState(1);
  const [ml, setMl] = useState(0.1);
  const label = tools.label.value;
  const name = LABEL_NAMES[label].toLowerCase();
  const common = { inside_liver: tools.insideLiver, locked: [...tools.locked.value] };
  const apply = (edit: Edit) => void session.apply(edit);
  const busy = session.busy.value !== null || !display.ready.value;
  return (
    <details class="whole">
      <summary>Whole label: {name}</summary>
      <div class="row">
        <button disabled={busy} onClick={() => apply({ tool: "fill", label, ...common })}>
          Fill holes
        </button>
        <button
          disabled={busy} title={`Between slices of the ${display.pane.value} view`}
          onClick={() =>
            apply({
              tool: "interpolate", label, axis: display.viewer!.axisOf(display.pane.value), ...common,
            })
          }
        >
          Interpolate slices
        </button>
      </div>
      <div class="row">
        <button disabled={busy} onClick={() => apply({ tool: "smooth", label, mm, ...common })}>
          Smooth
        </button>
        <label class="row">
          <input
            type="number" min={0.5} max={5} step={0.5} value={mm}
            onInput={(event) => setMm(event.currentTarget.valueAsNumber || 1)}
          />
          mm
        </label>
      </div>
      <div class="row">
        <button
          disabled={busy}
          onClick={() =>
            apply({ tool: "islands", label, minimum_ml: ml, keep_largest: false, ...common })
          }
        >
          Remove islands
        </button>
        <label class="row">
          below
          <input
            type="number" min={0} max={50} step={0.1} value={ml}
            onInput={(event) => setMl(event.currentTarget.valueAsNumber || 0)}
          />
          ml
        </label>
      </div>
      <div class="row">
        <button
          disabled={busy}
          onClick={() => session.question.value = {
            title: `Keep the largest ${name} alone?`,
            words: label === TUMOUR
              ? "Every other lesion, however large, becomes liver."
              : "Every other piece of the liver, and lesions in it, become background.",
            yes: "Keep the largest",
            then: () => apply({ tool: "islands", label, minimum_ml: 0, keep_largest: true, ...common }),
          }}
        >
          Keep the largest piece
        </button>
      </div>
    </details>
  );
}
