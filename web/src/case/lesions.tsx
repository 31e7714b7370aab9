import { useEffect, useRef } from "preact/hooks";
import type { Finding, Which } from "../api/types";
import { keyOf } from "../app/hotkeys";
import { DASH, number } from "../parts/format";
import { Icon } from "../parts/icon";
import { BACKGROUND, PARENCHYMA } from "../volume/labels";
import type { CaseSession } from "./session";

const OF: Record<Which, string> = { ai: "AI", corrected: "corrected", reference: "reference" };

/** The lesions as a table: to jump to and to judge, and the words for what the canvas shows. */
export function LesionPanel({ session, editable }: { session: CaseSession; editable: boolean }) {
  const { lesions } = session;
  const said = lesions.findings.value;
  const { list } = lesions;
  const unsaved = session.saveState.value !== "saved";
  const measuring = lesions.measuring.value;
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const row = box.current?.querySelector<HTMLElement>("[aria-current]");
    if (row) keepInSight(box.current as HTMLElement, row);
  }, [lesions.current.value, list.length]);
  return (
    <section class="card" aria-labelledby="lesions-title">
      <header>
        <h2 id="lesions-title">Lesions</h2>
        <span class="muted" role="status">
          {measuring ? "measuring…" : unsaved ? "measured at the next save" : OF[session.display.which.value]}
        </span>
      </header>
      <dl class="sums" aria-busy={measuring}>
        <div><dt>Liver</dt><dd>{number(said?.liver_ml, 0)} ml</dd></div>
        <div><dt>Tumour</dt><dd>{number(said?.tumour_ml, (said?.tumour_ml ?? 0) < 10 ? 2 : 1)} ml</dd></div>
        <div><dt>Lesions</dt><dd>{said ? list.length : DASH}</dd></div>
      </dl>
      <div
        ref={box} class="lesions" tabIndex={0} role="region" aria-label="Table of lesions"
        aria-busy={measuring}
      >
        <table>
          <caption id="lesions-caption" class="unseen">{spoken(session)}</caption>
          <thead>
            <tr>
              {editable && <th scope="col"><span class="unseen">Join</span></th>}
              <th scope="col"><abbr title="Number, by falling volume">#</abbr></th>
              <th scope="col" class="num">ml</th>
              <th scope="col" class="num">
                <abbr title="Longest diameter in an axial slice, and across it">axial mm</abbr>
              </th>
              <th scope="col" class="num"><abbr title="Longest diameter in space">3D mm</abbr></th>
              <th scope="col" class="num">
                <abbr title="How sure the AI is that it is a lesion">conf.</abbr>
              </th>
              {editable && <th scope="col"><span class="unseen">Actions</span></th>}
            </tr>
          </thead>
          <tbody>
            {list.map((finding) => (
              <Row key={finding.id} finding={finding} session={session} editable={editable} />
            ))}
          </tbody>
        </table>
      </div>
      {said && list.length === 0 && (
        <p class="empty">
          No lesion in this label map. {editable && "“Add a lesion”, then click into one."}
        </p>
      )}
      {lesions.outside.value.size > 0 && (
        <p class="warn-text" role="status">
          {lesions.outside.value.size === 1 ? "Lesion " : "Lesions "}
          {[...lesions.outside.value].join(", ")}: outside the liver.
        </p>
      )}
      {editable && <Judging session={session} />}
    </section>
  );
}

/** Scroll the table alone: the page around it stays, and with it the slices. */
function keepInSight(box: HTMLElement, row: HTMLElement): void {
  const head = box.querySelector("thead")?.offsetHeight ?? 0;
  const [top, bottom] = [row.offsetTop - head, row.offsetTop + row.offsetHeight];
  if (top < box.scrollTop) box.scrollTop = top;
  else if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight;
}

/** What is done with lesions as a whole, and what came of it. */
function Judging({ session }: { session: CaseSession }) {
  const { lesions } = session;
  const ticked = lesions.ticked.value.size;
  return (
    <>
      <div class="row">
        <button class="grow" onClick={() => lesions.startAdding()}>Add a lesion</button>
        <button
          class="grow" disabled={ticked < 2} onClick={() => lesions.join()}
          title={`Paint the shortest bridge through the liver, so that those ticked count as one (${keyOf("join")})`}
        >
          {ticked < 2 ? "Join those ticked" : `Join ${ticked} into one`}
        </button>
      </div>
      <p class="muted words" role="status">{lesions.words.value}</p>
    </>
  );
}

function Row({ finding, session, editable }: {
  finding: Finding;
  session: CaseSession;
  editable: boolean;
}) {
  const f = finding;
  const { lesions } = session;
  const here = lesions.current.value === f.id;
  const stay = (event: Event) => event.stopPropagation();
  return (
    <tr aria-current={here ? "true" : undefined} onClick={() => lesions.show(f)} data-lesion={f.id}>
      {editable && (
        <td class="tick" onClick={stay}>
          <input
            type="checkbox" aria-label={`Join lesion ${f.id}`} checked={lesions.ticked.value.has(f.id)}
            onChange={() => lesions.tick(f.id)}
          />
        </td>
      )}
      <th scope="row">
        <button class="jump" aria-label={`Show lesion ${f.id}`} onClick={(event) => {
          stay(event);
          lesions.show(f);
        }}>
          {f.id}
        </button>
        {lesions.outside.value.has(f.id) && <abbr title="Outside the liver"> !</abbr>}
      </th>
      <td class="num">{number(f.volume_ml, f.volume_ml < 10 ? 2 : 1)}</td>
      <td class="num">
        {number(f.diameter_axial_mm, 0)} × {number(f.diameter_perpendicular_mm, 0)}
      </td>
      <td class="num">
        {number(f.diameter_3d_mm, 0)}
        {f.touches_border && <abbr title="Cut by the field of view"> +</abbr>}
      </td>
      <td class="num">{f.confidence === null ? DASH : `${Math.round(100 * f.confidence)} %`}</td>
      {editable && (
        <td class="actions" onClick={stay}>
          <button
            class="icon" title={`Not a lesion: its voxels become liver (${keyOf("notlesion")})`}
            aria-label={`Lesion ${f.id} is not a lesion: make it liver`}
            onClick={() => lesions.relabel(PARENCHYMA, f)}
          >
            <Icon name="close" />
          </button>
          <button
            class="icon" title="Delete: its voxels become background"
            aria-label={`Delete lesion ${f.id}: make it background`}
            onClick={() => lesions.relabel(BACKGROUND, f)}
          >
            <Icon name="bin" />
          </button>
        </td>
      )}
    </tr>
  );
}

function spoken(session: CaseSession): string {
  const said = session.lesions.findings.value;
  if (!said) return "Not measured yet.";
  const n = said.findings.length;
  return (
    `${n === 1 ? "One lesion" : `${n} lesions`} in a liver of ${number(said.liver_ml, 0)} millilitres.` +
    (n ? " Press Enter on a number to show the lesion in all slices." : "")
  );
}
