/**
 * What could not be saved yet, kept in the browser's own database, for a crash of window or server.
 *
 * One entry per case; written before a save is sent, removed when the server has it.
 */
import type { CorrectionRecord } from "../record/log";

export interface Unsaved {
  readonly caseId: string;
  readonly revision: number;
  readonly voxels: Uint8Array;
  readonly record: CorrectionRecord;
  readonly time: string;
}

const STORE = "unsaved";

export async function keep(entry: Unsaved): Promise<void> {
  await request("readwrite", (store) => store.put(entry));
}

export async function kept(caseId: string): Promise<Unsaved | null> {
  return ((await request("readonly", (store) => store.get(caseId))) as Unsaved | undefined) ?? null;
}

export async function discard(caseId: string): Promise<void> {
  await request("readwrite", (store) => store.delete(caseId));
}

async function request(
  mode: IDBTransactionMode,
  ask: (store: IDBObjectStore) => IDBRequest,
): Promise<unknown> {
  const database = await promised(open());
  try {
    return await promised(ask(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close();
  }
}

function open(): IDBOpenDBRequest {
  const opening = indexedDB.open("hepatica", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "caseId" });
  return opening;
}

function promised<T>(asked: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error ?? new Error("The browser's database refused."));
  });
}
