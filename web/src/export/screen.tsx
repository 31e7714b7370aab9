import { useEffect, useState } from "preact/hooks";
import { api } from "../api/client";
import type { Case, ExportedFile, Which } from "../api/types";
import { announcement, attempt, jobs, problemOf, session, type Problem } from "../app/state";
import { size } from "../parts/format";
import { StatusMark } from "../parts/status";

/** Export names that the server offers, in people's words. */
const WORDS: Record<string, [string, string]> = {
  nifti: ["Label map (NIfTI)", "On the grid of the input; 3D Slicer and ITK-SNAP open it"],
  stl: ["Surfaces (STL)", "Liver and each lesion, for printing"],
  obj: ["Surfaces (OBJ)", "Liver and each lesion"],
  ply: ["Surfaces (PLY)", "Liver and each lesion"],
  glb: ["3D model (GLB)", "One coloured model, for viewers and headsets"],
  "3mf": ["3D model (3MF)", "One coloured model, for printing"],
  "seg-nrrd": ["Segmentation (.seg.nrrd)", "3D Slicer opens it with names and colours"],
  scene: ["Scene for 3D Slicer", "Image, segmentation and surfaces together"],
  "itk-snap": ["Labels for ITK-SNAP", "Names and colours for the label map"],
  "dicom-seg": ["DICOM segmentation", "For the archive, in the patient's study"],
  "dicom-sr": ["DICOM structured report", "The measurements, for the archive"],
  "dicom-sc": ["DICOM key pictures", "The pictures, for the archive"],
  "dicom-stl": ["DICOM surfaces", "The surfaces, for the archive"],
  csv: ["Lesions (CSV)", "One row per lesion, for spreadsheets"],
  json: ["Measurements (JSON)", "For programs"],
  report: ["Report (HTML)", "One page with pictures and numbers"],
  pdf: ["Report (PDF)", "The same page on paper"],
};

export function ExportScreen({ id }: { id: string }) {
  const [info, setInfo] = useState<Case | null>(null);
  const [wrong, setWrong] = useState<Problem | null>(null);
  useEffect(() => {
    api.case(id).then(setInfo, (error: unknown) => setWrong(problemOf(error)));
  }, [id]);
  return (
    <div class="export">
      <h1 class="unseen">Export {info?.name}</h1>
      {wrong && <p class="empty" role="alert"><strong>{wrong.message}</strong> {wrong.hint}</p>}
      {!wrong && !info && <p class="empty" role="status">Opening the case…</p>}
      {info && <CaseFiles info={info} />}
      <Study />
    </div>
  );
}

function CaseFiles({ info }: { info: Case }) {
  const offered = session.value?.exports ?? [];
  const [chosen, setChosen] = useState<ReadonlySet<string>>(
    new Set(["nifti", "stl", "csv", "report"].filter((name) => offered.includes(name))),
  );
  const [labels, setLabels] = useState<Which>(info.has.correction ? "corrected" : "ai");
  const [files, setFiles] = useState<ExportedFile[] | null>(null);
  const [busy, setBusy] = useState(false);
  const toggle = (name: string) => {
    const next = new Set(chosen);
    if (!next.delete(name)) next.add(name);
    setChosen(next);
  };
  const write = async () => {
    setBusy(true);
    setFiles(null);
    await attempt(async () => {
      const written = await api.export(info.id, [...chosen], labels);
      setFiles(written);
      announcement.value = `${written.length} files are ready.`;
    });
    setBusy(false);
  };
  return (
    <section class="card" aria-labelledby="files-title">
      <header>
        <h2 id="files-title">Files of {info.name}</h2>
        <StatusMark status={info.status} />
      </header>
      {info.status === "unchecked" && (
        <p class="muted">Nobody has checked this case yet.</p>
      )}
      <div class="row">
        <span class="field">Labels</span>
        <div class="segments" role="group" aria-label="Label map to export">
          <button
            aria-pressed={labels === "corrected"} disabled={!info.has.correction}
            onClick={() => setLabels("corrected")}
          >
            Corrected
          </button>
          <button aria-pressed={labels === "ai"} onClick={() => setLabels("ai")}>As the AI made them</button>
        </div>
      </div>
      <ul class="kinds">
        {offered.map((name) => {
          const [words, use] = WORDS[name] ?? [name, ""];
          const apart = name.startsWith("dicom-") && !fromDicom(info);
          return (
            <li key={name}>
              <label class={apart ? "muted" : ""}>
                <input
                  type="checkbox" checked={chosen.has(name)} disabled={apart}
                  onChange={() => toggle(name)}
                />
                <span>{words}<small>{use}</small></span>
              </label>
            </li>
          );
        })}
      </ul>
      {!fromDicom(info) && offered.some((name) => name.startsWith("dicom-")) && (
        <p class="muted">This case came from no DICOM series, which DICOM files would belong to.</p>
      )}
      {offered.length === 0 && <p class="empty">The server offers no export.</p>}
      <div class="row">
        <button class="primary" disabled={busy || chosen.size === 0} onClick={write}>
          {busy ? `Writing ${chosen.size} kinds of files…` : "Write the files"}
        </button>
        {files && files.length > 0 && (
          <a class="button" href={api.exportsZip(info.id)} download>All as one zip</a>
        )}
      </div>
      {files && (
        <ul class="written" aria-label="Files written">
          {files.map((file) => (
            <li key={file.name}>
              <a href={file.url} download>{file.name}</a> <span class="muted">{size(file.bytes)}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** DICOM results need the series that the case was made from. */
function fromDicom(info: Case): boolean {
  const input = info.provenance.input as { format?: unknown } | undefined;
  return input?.format === "dicom";
}

/** What belongs to all cases together: the record of corrections, and data to train with. */
function Study() {
  const corrected = [...jobs.value.values()].filter((job) => job.result?.corrected).length;
  const [path, setPath] = useState("");
  const [done, setDone] = useState<string | null>(null);
  return (
    <section class="card" aria-labelledby="study-title">
      <header><h2 id="study-title">All corrected cases</h2></header>
      {corrected === 0 ? (
        <p class="muted">No case has been corrected yet. Then the record and a training folder are here.</p>
      ) : (
        <p class="muted">
          {corrected === 1 ? "One case has" : `${corrected} cases have`} been corrected.
        </p>
      )}
      <div class="row">
        <a class="button" href={api.recordCsv} download>Record of corrections (CSV)</a>
        <span class="muted">for <code>hepatica evaluate --corrections</code></span>
      </div>
      <label class="stack">
        <span>
          Folder of all: images, corrected labels, the AI's and the record under one name each, for{" "}
          <code>hepatica train --data</code> and <code>hepatica evaluate --corrections</code>
        </span>
        <span class="row">
          <input
            type="text" class="grow" value={path} placeholder="in the app's own workspace"
            aria-label="Folder of all corrected cases"
            onInput={(event) => setPath(event.currentTarget.value)}
          />
          <button
            disabled={corrected === 0}
            onClick={() =>
              attempt(async () => {
                const said = await api.trainingFolder(path.trim() || null);
                setDone(`Written to ${typeof said?.path === "string" ? said.path : path}.`);
              })
            }
          >
            Write
          </button>
        </span>
      </label>
      {done && <p role="status">{done}</p>}
    </section>
  );
}
