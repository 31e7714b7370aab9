import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../api/client";
import type { Comparison, Which } from "../api/types";
import { number } from "../parts/format";
import type { CaseSession } from "./session";

const NAMES: Record<Which, string> = { ai: "AI", corrected: "Corrected", reference: "Reference" };

/** Which map is shown, and how it differs from another. */
export function ComparePanel({ session }: { session: CaseSession }) {
  const { display } = session;
  const { has, revision } = session.info.value;
  const file = useRef<HTMLInputElement>(null);
  const there: Record<Which, boolean> = {
    ai: true, corrected: session.corrected.value, reference: has.reference,
  };
  const which = display.which.value;
  const against = display.against.value;
  const others = (Object.keys(NAMES) as Which[]).filter((name) => name !== which && there[name]);
  const [scores, setScores] = useState<Comparison | null>(null);
  useEffect(() => {
    let gone = false;
    setScores(null);
    if (against) {
      void session.trying(async () => {
        await session.autosave.flush();
        const said = await api.compare(session.id, which, against);
        if (!gone) setScores(said);
      });
    }
    return () => void (gone = true);
  }, [which, against, revision, session.references.value]);
  return (
    <section class="card" aria-labelledby="compare-title">
      <header><h2 id="compare-title">Compare</h2></header>
      <div class="row">
        <span class="field">Shown</span>
        <div class="segments" role="group" aria-label="Label map shown">
          {(Object.keys(NAMES) as Which[]).map((name) => (
            <button
              key={name} aria-pressed={which === name} disabled={!there[name]}
              onClick={() => display.choose(name, against === name ? null : against)}
            >
              {NAMES[name]}
            </button>
          ))}
        </div>
      </div>
      <div class="row">
        <span class="field">Against</span>
        <div class="segments" role="group" aria-label="Compare with">
          <button aria-pressed={against === null} onClick={() => display.choose(which, null)}>
            Nothing
          </button>
          {others.map((name) => (
            <button
              key={name} aria-pressed={against === name} onClick={() => display.choose(which, name)}
            >
              {NAMES[name]}
            </button>
          ))}
        </div>
      </div>
      {against && (
        <>
          <ul class="labels">
            <li><span class="swatch" data-difference="1" /> in {NAMES[which]} alone</li>
            <li><span class="swatch" data-difference="2" /> in {NAMES[against]} alone</li>
            <li><span class="swatch" data-difference="3" /> in both, another label</li>
          </ul>
          <Scores scores={scores} />
          {scores && scores.changed_voxels > 0 && (
            <button onClick={() => display.showWorst()}>Go to where they differ most</button>
          )}
        </>
      )}
      <p class="muted">
        {others.length === 0 && "Nothing to compare with yet: correct the case, or add a reference. "}
        <button class="link" onClick={() => file.current?.click()}>
          {has.reference ? "Replace the reference…" : "Add a reference label map…"}
        </button>
      </p>
      <input
        ref={file} type="file" hidden aria-label="Reference label map"
        onChange={(event) => {
          const chosen = event.currentTarget.files?.[0];
          if (chosen) void session.setReference(chosen);
          event.currentTarget.value = "";
        }}
      />
    </section>
  );
}

function Scores({ scores }: { scores: Comparison | null }) {
  if (!scores) return <p class="muted" role="status">Comparing…</p>;
  const rows: [string, keyof Comparison][] = [
    ["Liver", "liver"], ["Parenchyma", "parenchyma"], ["Tumour", "tumour"],
  ];
  return (
    <>
      <table class="scores">
        <thead>
          <tr>
            <th scope="col"><span class="unseen">Label</span></th>
            <th scope="col" class="num">Dice</th>
            <th scope="col" class="num">Sensitivity</th>
            <th scope="col" class="num">Precision</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, key]) => {
            const score = scores[key] as Comparison["liver"];
            return (
              <tr key={key}>
                <th scope="row">{name}</th>
                <td class="num">{number(score.dice, 3)}</td>
                <td class="num">{number(score.sensitivity, 3)}</td>
                <td class="num">{number(score.precision, 3)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
      <p class="muted">
        {scores.changed_voxels.toLocaleString("en")} voxels differ ({number(scores.changed_ml, 2)} ml).
      </p>
    </>
  );
}
