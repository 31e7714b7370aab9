import type { Finding } from "../api/types";
import { DASH, number } from "../parts/format";
import { Icon } from "../parts/icon";
import { BACKGROUND, PARENCHYMA, TUMOUR } from "../volume/labels";
import type { CaseSession } from "./session";

/** The lesions as a table: to jump to and to judge, and the words for what the canvas shows. */
export function LesionPanel({ session, editable }: { session: CaseSession; editable: boolean }) {
  const said = session.findings.value;
  const list = said?.findings ?? [];
  const unsaved = session.saveState.value !== "saved";
  return (
    <section class="card" aria-labelledby="lesions-title">
      <header>
        <h2 id="lesions-title">Lesions</h2>
        <span class="muted" role="status">
          {session.measuring.value ? "measuring…" : unsaved ? "measured at the next save" : ""}
        </span>
      </header>
      {said && (
        <dl class="sums">
          <div><dt>Liver</dt><dd>{number(said.liver_ml, 0)} ml</dd></div>
          <div><dt>Tumour</dt><dd>{number(said.tumour_ml, (said.tumour_ml ?? 0) < 10 ? 2 : 1)} ml</dd></div>
          <div><dt>Lesions</dt><dd>{list.length}</dd></div>
        </dl>
      )}
      <div class="lesions" tabIndex={0} role="region" aria-label="Table of lesions">
        <table>
          <caption id="lesions-caption" class="unseen">{spoken(session)}</caption>
          <thead>
            <tr>
              <th scope="col"><abbr title="Number, by falling volume">#</abbr></th>
              <th scope="col" class="num">ml</th>
              <th scope="col" class="num">
                <abbr title="Longest diameter in an axial slice, and across it">axial mm</abbr>
              </th>
              <th scope="col" class="num"><abbr title="Longest diameter in space">3D mm</abbr></th>
              <th scope="col" class="num"><abbr title="Mean probability of its voxels">conf.</abbr></th>
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
      {session.display.which.value === "reference" && (
        <p class="empty">The reference is compared with, not measured.</p>
      )}
      {said && list.length === 0 && (
        <p class="empty">
          No lesion in this label map. {editable && "“Add a lesion”, then click into one."}
        </p>
      )}
      {editable && (
        <button
          class="wide-button"
          onClick={() => {
            session.tools.label.value = TUMOUR;
            session.tools.tool.value = "grow";
          }}
        >
          Add a lesion
        </button>
      )}
    </section>
  );
}

function Row({ finding, session, editable }: {
  finding: Finding;
  session: CaseSession;
  editable: boolean;
}) {
  const f = finding;
  const here = session.lesion.value === f.id;
  return (
    <tr aria-current={here ? "true" : undefined} onClick={() => session.show(f)} data-lesion={f.id}>
      <th scope="row">
        <button class="jump" aria-label={`Show lesion ${f.id}`} onClick={(event) => {
          event.stopPropagation();
          session.show(f);
        }}>
          {f.id}
        </button>
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
        <td class="actions" onClick={(event) => event.stopPropagation()}>
          <button
            class="icon" title="Not a lesion: its voxels become liver"
            aria-label={`Lesion ${f.id} is not a lesion: make it liver`}
            onClick={() => session.relabelLesion(f, PARENCHYMA)}
          >
            <Icon name="close" />
          </button>
          <button
            class="icon" title="Delete: its voxels become background"
            aria-label={`Delete lesion ${f.id}: make it background`}
            onClick={() => session.relabelLesion(f, BACKGROUND)}
          >
            <Icon name="bin" />
          </button>
        </td>
      )}
    </tr>
  );
}

function spoken(session: CaseSession): string {
  const said = session.findings.value;
  if (!said) return "Not measured yet.";
  const n = said.findings.length;
  return (
    `${n === 1 ? "One lesion" : `${n} lesions`} in a liver of ${number(said.liver_ml, 0)} millilitres.` +
    (n ? " Press Enter on a number to show the lesion in all slices." : "")
  );
}
