/**
 * One open case: its maps, the editor on the working copy, saving, and what is shown how.
 *
 * Screens read the signals and call the methods; the viewer and the server are told from here.
 */
import { signal } from "@preact/signals";
import { api } from "../api/client";
import type { Case, Edit, Which } from "../api/types";
import { announcement, heard, jobs, problemOf, session, type Problem } from "../app/state";
import { difference } from "../edit/difference";
import { Editor } from "../edit/editor";
import { ActiveClock } from "../record/clock";
import { CorrectionLog, EMPTY_RECORD, type CorrectionRecord } from "../record/log";
import { Autosave, type SaveAnswer, type SaveState } from "../transfer/autosave";
import { gunzip, gzip } from "../transfer/gzip";
import { discard, keep, kept, type Unsaved } from "../transfer/recovery";
import { Grid } from "../volume/grid";
import { readLabelMap } from "../volume/nifti";
import { Display } from "./display";
import { LesionList } from "./lesion-list";
import { Tools } from "./tools";

/** Asked before an edit that takes much away. */
export interface Question {
  readonly title: string;
  readonly words: string;
  readonly yes: string;
  readonly then: () => void;
}

export class CaseSession {
  readonly info = signal<Case>(null as unknown as Case);
  readonly saveState = signal<SaveState>("saved");
  readonly saveMessage = signal("");
  readonly undoable = signal(0);
  readonly redoable = signal(0);
  readonly busy = signal<string | null>(null);
  readonly problem = signal<Problem | null>(null);
  readonly question = signal<Question | null>(null);
  /** What the tool in hand did last, or why it did nothing. */
  readonly done = signal("");
  readonly recovery = signal<Unsaved | null>(null);
  readonly corrected = signal(false);
  /** References given in this window: each changes what a comparison says. */
  readonly references = signal(0);
  readonly clock = new ActiveClock();
  readonly display: Display;
  readonly lesions = new LesionList(this);
  readonly tools = new Tools();
  readonly autosave: Autosave;
  private readonly log: CorrectionLog;
  private readonly others = new Map<Which, Uint8Array>();
  private closed = false;

  private constructor(
    info: Case,
    readonly grid: Grid,
    readonly editor: Editor,
    ai: Uint8Array,
  ) {
    this.info.value = info;
    this.corrected.value = info.has.correction;
    this.others.set("ai", ai);
    this.display = new Display(this);
    this.autosave = new Autosave(info.revision, (revision) => this.send(revision));
    this.log = new CorrectionLog(recordOf(info), Date.now(), () => this.clock.seconds);
    this.autosave.onState = (state) => {
      this.saveState.value = state;
      this.saveMessage.value = this.autosave.message;
    };
    editor.onChange = (box) => this.display.changed(box);
    editor.onEdit = (delta, kind) => {
      this.log.add(delta, kind);
      this.corrected.value = true;
      if (kind !== "edit") this.done.value = "";
      // It was said of another map; the server does the same at the next save.
      if (this.info.peek().status !== "unchecked") this.tell("unchecked");
      this.autosave.changed();
      this.counted();
    };
  }

  static async open(id: string): Promise<CaseSession> {
    const info = await api.case(id);
    const grid = new Grid(info.shape, info.affine);
    const read = async (which: Which) => readLabelMap(await api.labels(id, which), info.shape);
    const ai = await read("ai");
    const working = info.has.correction ? await read("corrected") : ai.slice();
    let opened: CaseSession | null = null;
    const editor = new Editor(grid, working, (v) => opened?.display.brightness(v) ?? 0);
    opened = new CaseSession(info, grid, editor, ai);
    opened.recovery.value = await kept(id).catch(() => null);
    void opened.lesions.measure();
    return opened;
  }

  close(): void {
    this.closed = true;
    this.display.close();
  }

  get id(): string {
    return this.info.value.id;
  }

  /** The voxels of a map; the corrected one is the working copy. Fetched once. */
  async map(which: Which): Promise<Uint8Array> {
    if (which === "corrected") return this.editor.labels;
    const known = this.others.get(which);
    if (known) return known;
    const map = await readLabelMap(await api.labels(this.id, which), this.info.value.shape);
    this.others.set(which, map);
    return map;
  }

  async differenceOf(a: Which, b: Which): Promise<Uint8Array> {
    return difference(await this.map(a), await this.map(b)).map;
  }

  // --- editing ------------------------------------------------------------------------------------

  undo(): void {
    if (this.busy.value === null) this.editor.undo();
  }

  redo(): void {
    if (this.busy.value === null) this.editor.redo();
  }

  /** One of the server's tools; its map comes back as one undoable edit. */
  async apply(edit: Edit): Promise<void> {
    if (this.busy.value !== null) return;
    this.editor.end();
    this.busy.value = edit.tool;
    await this.trying(async () => {
      const answer = await api.edit(this.id, await gzip(this.editor.labels), edit);
      if (this.closed) return;
      const delta = this.editor.replace(await gunzip(answer), edit.tool);
      const ml = ((delta?.count ?? 0) * this.grid.voxelMm3) / 1000;
      this.done.value = delta
        ? `${delta.count.toLocaleString("en")} voxels changed (${ml.toFixed(2)} ml).`
        : "Nothing changed.";
      announcement.value = this.done.value;
    });
    this.busy.value = null;
  }

  // --- saving -------------------------------------------------------------------------------------

  private async send(revision: number): Promise<SaveAnswer> {
    const counted = this.log.counted();
    const record = this.log.record(session.peek()?.user ?? null);
    const map = this.editor.labels.slice(); // painting goes on while this is sent
    const voxels = await gzip(map);
    const entry = { caseId: this.id, revision, voxels, record, time: new Date().toISOString() };
    await keep(entry).catch(() => undefined); // A second net; the first is the server.
    let answer = await api.save(this.id, revision, voxels, record);
    if (answer.kind === "conflict" && (await this.isThere(map))) {
      // The server had it, and died before it could say so.
      answer = { kind: "saved", revision: answer.revision };
    }
    if (answer.kind === "saved") {
      this.log.saved(counted);
      await discard(this.id).catch(() => undefined);
      this.corrected.value = true;
      const info = this.info.value;
      this.info.value = {
        ...info, revision: answer.revision, has: { ...info.has, correction: true },
      };
      if (answer.status) this.tell(answer.status);
      if (!this.closed && !this.editor.painting) void this.lesions.measure();
    }
    return answer;
  }

  /** Whether the server's correction is this map, voxel for voxel. */
  private async isThere(map: Uint8Array): Promise<boolean> {
    try {
      const theirs = await this.theirs();
      return theirs.every((label, index) => label === map[index]);
    } catch {
      return false; // Not to be read: a person decides.
    }
  }

  private async theirs(): Promise<Uint8Array> {
    return readLabelMap(await api.labels(this.id, "corrected"), this.info.value.shape);
  }

  /** After a conflict: what the other window saved; this window's is one undo away. */
  async takeTheirs(): Promise<void> {
    await this.trying(async () => {
      const info = await api.case(this.id);
      this.editor.replace(await this.theirs(), "other window");
      this.log.goOnFrom(recordOf(info));
      this.autosave.forget(info.revision);
      this.info.value = info;
      await discard(this.id).catch(() => undefined);
      await this.lesions.measure();
    });
  }

  async keepMine(): Promise<void> {
    await this.trying(async () => {
      this.log.goOnFrom(recordOf(await api.case(this.id)));
      await this.autosave.keepMine();
    });
  }

  /** What a crash left behind, as one undoable edit on what is there. */
  async restore(): Promise<void> {
    const entry = this.recovery.value;
    this.recovery.value = null;
    if (entry) await this.trying(async () => {
      this.editor.replace(await gunzip(entry.voxels), "recovery");
      await this.autosave.flush();
    });
  }

  async dropRecovery(): Promise<void> {
    this.recovery.value = null;
    await discard(this.id).catch(() => undefined);
  }

  /** Back to the AI's map, once it is asked for twice; an edit that can be undone. */
  startAgain(): void {
    this.question.value = {
      title: "Start again from the AI's map?",
      words: "All that was corrected in this case goes back to what the AI made.",
      yes: "Start again",
      then: () => void this.backToAi(),
    };
  }

  private async backToAi(): Promise<void> {
    if (this.busy.value === null) this.editor.replace(await this.map("ai"), "start again");
  }

  async setStatus(status: Case["status"], note: string): Promise<void> {
    await this.trying(async () => {
      // Looking took time even where nothing was changed: the record tells it.
      if (this.clock.seconds > 0) this.autosave.changed();
      await this.autosave.flush();
      await api.setStatus(this.id, status, note);
      this.info.value = { ...this.info.value, note };
      this.tell(status);
      announcement.value = `This case is ${status}.`;
    });
  }

  /** Show a status here and in the worklist. */
  private tell(status: Case["status"]): void {
    this.info.value = { ...this.info.value, status };
    const job = jobs.peek().get(this.id);
    if (job?.result) heard({ ...job, result: { ...job.result, status } });
  }

  async setReference(file: File): Promise<void> {
    await this.trying(async () => {
      await api.setReference(this.id, file);
      this.others.delete("reference");
      const info = this.info.value;
      this.info.value = { ...info, has: { ...info.has, reference: true } };
      const { which } = this.display;
      const shown = which.value !== "reference" ? which.value : this.corrected.value ? "corrected" : "ai";
      this.references.value++;
      await this.display.choose(shown, "reference"); // what it was added for
    });
  }

  async trying(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.problem.value = null;
    } catch (error) {
      this.problem.value = problemOf(error);
    }
  }

  private counted(): void {
    this.undoable.value = this.editor.history.undoable;
    this.redoable.value = this.editor.history.redoable;
  }
}

function recordOf(info: Case): CorrectionRecord {
  return info.record ?? EMPTY_RECORD;
}
