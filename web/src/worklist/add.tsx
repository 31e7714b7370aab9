import { useRef, useState } from "preact/hooks";
import { upload } from "../api/client";
import type { Job } from "../api/types";
import { announcement, attempt, heard, problem, session } from "../app/state";
import { size } from "../parts/format";
import { Icon } from "../parts/icon";
import { chosenFiles, droppedFiles, type Dropped } from "./dropped";
import { FolderPicker } from "./picker";

/** The drop zone, with buttons for those who do not drag. */
export function AddCases({ small }: { small: boolean }) {
  const [over, setOver] = useState(false);
  const [fraction, setFraction] = useState<number | null>(null);
  const [picking, setPicking] = useState(false);
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);

  const started = (jobs: Job[]) => {
    jobs.forEach(heard);
    announcement.value = `${jobs.length} ${jobs.length === 1 ? "case is" : "cases are"} in the queue.`;
  };
  const send = async (dropped: Dropped[]) => {
    if (dropped.length === 0) return;
    const limit = session.value?.limits.upload_bytes ?? Infinity;
    const bytes = dropped.reduce((sum, { file }) => sum + file.size, 0);
    if (bytes > limit) {
      problem.value = {
        message: `That is ${size(bytes)}; at most ${size(limit)} can be dropped at once.`,
        hint: "Choose a folder of this computer instead: nothing is copied then.",
      };
      return;
    }
    problem.value = null;
    setFraction(0);
    await attempt(async () => started(await upload(dropped, setFraction)));
    setFraction(null);
  };
  const chosen = (event: Event) => {
    const input = event.currentTarget as HTMLInputElement;
    if (input.files) void send(chosenFiles(input.files));
    input.value = "";
  };

  return (
    <section
      class={`drop${small ? " small" : ""}${over ? " over" : ""}`} aria-label="Add cases"
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        if (event.dataTransfer) void droppedFiles(event.dataTransfer.items).then(send);
      }}
    >
      <Icon name="upload" />
      <div class="drop-words">
        <strong>Drop a volume here</strong>
        <span class="muted">
          NIfTI, NRRD or MetaImage files, a DICOM folder, or a zip of one. Contrast-enhanced T1 MRI.
        </span>
      </div>
      {fraction === null ? (
        <div class="drop-buttons">
          <button onClick={() => files.current?.click()}>Choose files…</button>
          <button onClick={() => folder.current?.click()}>Choose a folder…</button>
          <button onClick={() => setPicking(true)}>On this computer…</button>
        </div>
      ) : (
        <label class="uploading">
          Copying
          <progress max={1} value={fraction} />
        </label>
      )}
      <input
        ref={files} type="file" multiple hidden aria-label="Files to add" onChange={chosen}
        data-testid="files"
      />
      <input
        ref={folder} type="file" hidden aria-label="Folder to add" onChange={chosen}
        {...{ webkitdirectory: true }}
      />
      {picking && <FolderPicker close={() => setPicking(false)} started={started} />}
    </section>
  );
}
