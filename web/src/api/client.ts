/** Calls to the server. Each failure is a `Refusal` in the server's own words. */
import type { SaveAnswer } from "../transfer/autosave";
import type { CorrectionRecord } from "../record/log";
import type {
  Case, CaseStatus, Comparison, Edit, ExportedFile, Findings, Job, Listing, Session, Which,
} from "./types";

export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly hint: string | null = null,
    readonly revision: number | null = null,
  ) {
    super(message);
  }
}

const UNREACHABLE = new Refusal(
  0,
  "Hepatica's server does not answer.",
  "Start it again with `hepatica app`, and open the address that it prints.",
);

async function ask(path: string, options: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(`/api/${path}`, { credentials: "same-origin", ...options });
  } catch {
    throw UNREACHABLE;
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

async function refusal(response: Response): Promise<Refusal> {
  let said: { error?: unknown; hint?: unknown; revision?: unknown } = {};
  try {
    said = (await response.json()) as typeof said;
  } catch {
    // Not JSON: the status is all that is known.
  }
  return new Refusal(
    response.status,
    typeof said.error === "string" ? said.error : `The server answered ${response.status}.`,
    typeof said.hint === "string" ? said.hint : null,
    typeof said.revision === "number" ? said.revision : null,
  );
}

async function get<T>(path: string): Promise<T> {
  return (await (await ask(path)).json()) as T;
}

async function send<T>(method: string, path: string, body: unknown): Promise<T> {
  const headers = { "Content-Type": "application/json" };
  const response = await ask(path, { method, headers, body: JSON.stringify(body) });
  const text = await response.text();
  return (text ? JSON.parse(text) : null) as T;
}

async function bytes(path: string): Promise<Uint8Array> {
  return new Uint8Array(await (await ask(path)).arrayBuffer());
}

const of = (id: string) => `cases/${encodeURIComponent(id)}`;
const job = (id: string) => `jobs/${encodeURIComponent(id)}`;

export const api = {
  session: () => get<Session>("session"),
  setUser: (user: string | null) => send<unknown>("PUT", "session", { user }),

  jobs: async () => (await get<{ jobs: Job[] }>("jobs")).jobs,
  files: (path: string | null) =>
    get<Listing>(`files${path === null ? "" : `?path=${encodeURIComponent(path)}`}`),
  start: async (path: string, series: string | null = null) =>
    (await send<{ jobs: Job[] }>("POST", "jobs", { path, series })).jobs,
  cancel: (id: string) => send<unknown>("POST", `${job(id)}/cancel`, {}),
  retry: (id: string, series: string | null = null) =>
    send<unknown>("POST", `${job(id)}/retry`, series === null ? {} : { series }),
  remove: async (id: string) => void (await ask(job(id), { method: "DELETE" })),

  case: (id: string) => get<Case>(of(id)),
  image: (id: string) => bytes(`${of(id)}/image.nii.gz`),
  labels: (id: string, which: Which) => bytes(`${of(id)}/labels/${which}.nii.gz`),
  findings: (id: string, which: Which) => get<Findings>(`${of(id)}/findings?labels=${which}`),
  compare: (id: string, a: Which, b: Which) => get<Comparison>(`${of(id)}/compare?a=${a}&b=${b}`),
  setStatus: (id: string, status: CaseStatus, note: string) =>
    send<unknown>("PUT", `${of(id)}/status`, { status, note }),

  setReference: async (id: string, file: File) => {
    const form = new FormData();
    form.append("file", file, file.name);
    await ask(`${of(id)}/reference`, { method: "PUT", body: form });
  },

  /** Send a whole label map (gzip) as the revision after `revision`. */
  save: async (
    id: string, revision: number, voxels: Uint8Array, record: CorrectionRecord,
  ): Promise<SaveAnswer> => {
    const form = new FormData();
    form.append("voxels", new Blob([voxels as BlobPart], { type: "application/gzip" }), "voxels.gz");
    form.append("record", JSON.stringify(record));
    try {
      const response = await ask(`${of(id)}/correction`, {
        method: "PUT", body: form, headers: { "If-Match": `"${revision}"` },
      });
      return { kind: "saved", ...((await response.json()) as { revision: number; status?: CaseStatus }) };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.status === 409 && error.revision !== null) {
        return { kind: "conflict", revision: error.revision, message: error.message };
      }
      return { kind: "failed", message: [error.message, error.hint].filter(Boolean).join(" ") };
    }
  },

  /** One of the server's tools on this map (gzip); its answer is the new map (gzip). */
  edit: async (id: string, voxels: Uint8Array, edit: Edit): Promise<Uint8Array> => {
    const form = new FormData();
    form.append("voxels", new Blob([voxels as BlobPart], { type: "application/gzip" }), "voxels.gz");
    form.append("edit", JSON.stringify(edit));
    const response = await ask(`${of(id)}/edits`, { method: "POST", body: form });
    return new Uint8Array(await response.arrayBuffer());
  },

  export: async (id: string, names: string[], labels: Which) =>
    (await send<{ files: ExportedFile[] }>("POST", `${of(id)}/exports`, { names, labels })).files,
  exportsZip: (id: string) => `/api/${of(id)}/exports.zip`,
  recordCsv: "/api/record.csv",
  trainingFolder: (path: string | null) => send<Record<string, unknown>>("POST", "training-folder", { path }),
};

/** Upload dropped files with their paths, telling the part that has gone; resolves with the jobs. */
export function upload(
  files: readonly { path: string; file: File }[],
  progress: (fraction: number) => void,
): Promise<Job[]> {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    for (const { path, file } of files) form.append("files", file, path);
    const request = new XMLHttpRequest();
    request.open("POST", "/api/uploads");
    request.responseType = "json";
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) progress(event.loaded / event.total);
    };
    request.onerror = () => reject(UNREACHABLE);
    request.onload = () => {
      const said = request.response as { jobs?: Job[]; error?: string; hint?: string | null } | null;
      if (request.status < 300 && said?.jobs) resolve(said.jobs);
      else {
        const words = said?.error ?? `The server answered ${request.status}.`;
        reject(new Refusal(request.status, words, said?.hint ?? null));
      }
    };
    request.send(form);
  });
}
