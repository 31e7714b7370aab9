import { useState } from "preact/hooks";
import type { CaseStatus } from "../api/types";
import { flat } from "../parts/facts";
import { StatusMark } from "../parts/status";
import type { CaseSession } from "./session";

const CHOICES: [CaseStatus, string][] = [
  ["accepted", "Accept"], ["second look", "Second look"], ["rejected", "Reject"],
];

/** What the person who looked thinks of it. */
export function DecisionPanel({ session }: { session: CaseSession }) {
  const { status, note } = session.info.value;
  const [words, setWords] = useState(note ?? "");
  return (
    <section class="card" aria-labelledby="decision-title">
      <header>
        <h2 id="decision-title">Checked</h2>
        <StatusMark status={status} />
      </header>
      <div class="segments wide" role="group" aria-label="Decision">
        {CHOICES.map(([choice, name]) => (
          <button
            key={choice} aria-pressed={status === choice}
            onClick={() => session.setStatus(status === choice ? "unchecked" : choice, words)}
          >
            {name}
          </button>
        ))}
      </div>
      <label class="row">
        <span class="field">Note</span>
        <input
          type="text" value={words} maxLength={500} class="grow"
          onInput={(event) => setWords(event.currentTarget.value)}
          onBlur={() => words !== (note ?? "") && session.setStatus(status, words)}
        />
      </label>
    </section>
  );
}

/** Where the numbers come from. */
export function NotesPanel({ session }: { session: CaseSession }) {
  const { provenance, spacing_mm, shape } = session.info.value;
  return (
    <details class="card notes">
      <summary><h2>Where it comes from</h2></summary>
      <dl class="facts">
        <dt>grid</dt>
        <dd>{shape.join(" × ")} voxels of {spacing_mm.map((x) => x.toFixed(2)).join(" × ")} mm</dd>
        {flat(provenance).map(([name, value]) => [<dt>{name}</dt>, <dd>{value}</dd>])}
      </dl>
    </details>
  );
}
