import { useEffect, useState } from "preact/hooks";
import { api } from "../api/client";
import type { Entry, Job, Listing } from "../api/types";
import { problemOf, session, type Problem } from "../app/state";
import { Dialog } from "../parts/dialog";
import { size } from "../parts/format";
import { Icon } from "../parts/icon";
import { rootOf } from "./roots";

/** Folders and files of the computer, below the folders that the server allows. */
export function FolderPicker({ close, started }: {
  close: () => void;
  started: (jobs: Job[]) => void;
}) {
  const roots = session.value?.roots ?? [];
  const [path, setPath] = useState<string | null>(roots[0] ?? null);
  const [listing, setListing] = useState<Listing | null>(null);
  const [wrong, setWrong] = useState<Problem | null>(null);

  useEffect(() => {
    let gone = false;
    api.files(path).then(
      (said) => !gone && (setListing(said), setWrong(null)),
      (error: unknown) => !gone && setWrong(problemOf(error)),
    );
    return () => void (gone = true);
  }, [path]);

  const start = (chosen: string) =>
    api.start(chosen).then(
      (jobs) => {
        started(jobs);
        close();
      },
      (error: unknown) => setWrong(problemOf(error)),
    );
  const images = listing?.entries.some((entry) => entry.kind !== "folder") ?? false;
  // A file of DICOM is one slice: the folder is what is added.
  const slices = listing?.entries.filter((entry) => entry.kind === "dicom") ?? [];
  return (
    <Dialog title="On this computer" wide close={close}>
      {roots.length > 1 && (
        <label class="row">
          Start from
          <select
            value={rootOf(roots, listing?.path ?? path)}
            onChange={(event) => setPath(event.currentTarget.value)}
          >
            {roots.map((root) => <option key={root} value={root}>{root}</option>)}
          </select>
        </label>
      )}
      <p class="path">{listing?.path ?? path}</p>
      {wrong && (
        <p class="error-text" role="alert">
          <strong>{wrong.message}</strong> {wrong.hint}
        </p>
      )}
      <ul class="files">
        {listing && listing.parent !== null && (
          <li>
            <button class="file" onClick={() => setPath(listing.parent)}>
              <Icon name="up" /> Folder above
            </button>
          </li>
        )}
        {slices.length > 0 && (
          <li>
            <button class="file" onClick={() => start(listing!.path)}>
              <Icon name="file" /> DICOM, {slices.length} files
              <span class="muted">{size(slices.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0))}</span>
              <span class="file-end">Add</span>
            </button>
          </li>
        )}
        {listing?.entries.filter(({ kind }) => kind !== "other" && kind !== "dicom").map((entry) => (
          <FileLine key={entry.path} entry={entry} open={setPath} start={start} />
        ))}
      </ul>
      {listing && listing.entries.length === 0 && <p class="empty">This folder is empty.</p>}
      <footer class="dialog-end">
        <button class="primary" disabled={!listing || !images} onClick={() => start(listing!.path)}>
          Add everything in this folder
        </button>
      </footer>
    </Dialog>
  );
}

function FileLine({ entry, open, start }: {
  entry: Entry;
  open: (path: string) => void;
  start: (path: string) => void;
}) {
  if (entry.kind === "folder") {
    return (
      <li>
        <button class="file" onClick={() => open(entry.path)}>
          <Icon name="folder" /> {entry.name}
        </button>
      </li>
    );
  }
  return (
    <li>
      <button class="file" onClick={() => start(entry.path)}>
        <Icon name="file" /> {entry.name} <span class="muted">{size(entry.bytes)}</span>
        <span class="file-end">Add</span>
      </button>
    </li>
  );
}
