/** The lesions of the map shown: their numbers, which one is looked at, and judging them. */
import { signal } from "@preact/signals";
import { api } from "../api/client";
import type { Finding, Findings, Which } from "../api/types";
import { keyOf } from "../app/hotkeys";
import { announcement } from "../app/state";
import { bridge } from "../edit/bridge";
import { pieceAt, piecesOf, sameLesion, touches } from "../edit/lesion";
import { FREE, type Rules } from "../edit/rules";
import { LABEL_NAMES, PARENCHYMA, TUMOUR, type Label } from "../volume/labels";
import type { CaseSession } from "./session";

export class LesionList {
  readonly findings = signal<Findings | null>(null);
  readonly measuring = signal(false);
  /** The lesion looked at. */
  readonly current = signal<number | null>(null);
  /** Those ticked, to be joined. */
  readonly ticked = signal<ReadonlySet<number>>(new Set());
  /** Those that lie outside the liver. */
  readonly outside = signal<ReadonlySet<number>>(new Set());
  /** What was done last, or why it was not. */
  readonly words = signal("");
  private measured: Which | null = null;
  private turn = 0;
  /** Where the walk goes on when the lesion looked at is gone. */
  private gone = 0;

  constructor(private readonly session: CaseSession) {}

  get list(): readonly Finding[] {
    return this.findings.value?.findings ?? [];
  }

  /** Ask the server, which measures what is saved; an answer that comes too late is not heard. */
  async measure(): Promise<void> {
    const { session } = this;
    const shown = session.display.which.peek();
    const labels = shown === "corrected" && !session.info.peek().has.correction ? "ai" : shown;
    const turn = ++this.turn;
    this.measuring.value = true;
    await session.trying(async () => {
      const said = await api.findings(session.id, labels);
      if (turn === this.turn) this.take(said, shown);
    });
    if (turn === this.turn) this.measuring.value = false;
  }

  /** Lesions stay looked at and ticked, whatever their numbers have become. */
  private take(said: Findings, shown: Which): void {
    const { list } = this;
    const at = list.findIndex((finding) => finding.id === this.current.peek());
    const now = (id: number | null) => {
      const before = list.find((finding) => finding.id === id);
      return before ? (sameLesion(this.session.grid, before, said.findings)?.id ?? null) : null;
    };
    this.current.value = now(this.current.peek());
    if (at >= 0) this.gone = at;
    this.ticked.value = new Set([...this.ticked.peek()].map(now).filter((id) => id !== null));
    this.findings.value = said;
    if (this.measured !== shown) this.words.value = "";
    this.outside.value = shown === "corrected" ? this.withoutLiver() : new Set();
    this.measured = shown;
  }

  /** Lesions with no liver beside them: painted into something else, or the liver is cut away. */
  private withoutLiver(): ReadonlySet<number> {
    const { editor, grid } = this.session;
    const lost = piecesOf(grid, editor.labels, TUMOUR).filter(
      (piece) => !touches(grid, editor.labels, piece, PARENCHYMA),
    );
    const voxels = new Set(lost.flat());
    const there = this.list.filter((finding) => voxels.has(grid.index(...finding.centre_voxel)));
    return new Set(there.map((finding) => finding.id));
  }

  show(finding: Finding): void {
    this.current.value = finding.id;
    this.session.display.jump(finding.centre_voxel);
    announcement.value = `Lesion ${finding.id}, ${finding.volume_ml.toFixed(1)} millilitres.`;
  }

  /** Go `by` lesions on in the table, round its ends. */
  walk(by: 1 | -1): void {
    const { list } = this;
    if (list.length === 0) return;
    const at = list.findIndex((finding) => finding.id === this.current.value);
    // Of a lesion that is gone the next has its place.
    const next = at >= 0 ? at + by : by > 0 ? this.gone : this.gone - 1;
    this.show(list[(next + list.length) % list.length]);
  }

  tick(id: number | null = this.current.value): void {
    if (id === null) return;
    const ticked = new Set(this.ticked.value);
    if (!ticked.delete(id)) ticked.add(id);
    this.ticked.value = ticked;
    announcement.value = `Lesion ${id} ${ticked.has(id) ? "ticked" : "not ticked"}, ${ticked.size} in all.`;
  }

  /** Give the lesion looked at, or another, a new label: liver ("not a lesion") or background. */
  relabel(label: Label, finding = this.list.find((f) => f.id === this.current.value)): void {
    const { editor, grid } = this.session;
    if (!finding || !this.free(label)) return;
    const tool = label === PARENCHYMA ? "not a lesion" : "delete lesion";
    const voxels = pieceAt(grid, editor.labels, finding.centre_voxel, TUMOUR);
    const done = voxels.length > 0 && editor.relabel(voxels, label, tool, this.rules) !== null;
    this.words.value = done
      ? `Lesion ${finding.id} is now ${LABEL_NAMES[label].toLowerCase()}. Undo brings it back.`
      : `Lesion ${finding.id} is not there any more.`;
    if (!done) return;
    // The button that was pressed goes with its row: another one must not get the next press.
    this.session.display.focus();
    void this.session.autosave.flush();
  }

  /** Say how a lesion is added, with the tool for it in hand. */
  startAdding(): void {
    const { tools } = this.session;
    tools.label.value = TUMOUR;
    tools.tool.value = "grow";
    this.words.value =
      `Click into the new lesion in a slice: it is filled as far as it is as bright. The brush (${keyOf("brush")}) paints it by hand.`;
    this.session.display.focus();
  }

  /** Paint the shortest bridge between those ticked, so that they count as one. */
  join(): void {
    const { editor, grid } = this.session;
    const chosen = this.list.filter((finding) => this.ticked.value.has(finding.id));
    if (chosen.length < 2) {
      this.words.value = "Tick two lesions or more first.";
      return;
    }
    if (!this.free(PARENCHYMA)) return;
    const pieces: number[][] = [];
    for (const { centre_voxel } of chosen) {
      const piece = pieceAt(grid, editor.labels, centre_voxel, TUMOUR);
      // Painting since the last save may have joined two of them, or taken one away.
      if (piece.length > 0 && !pieces.some((other) => other.includes(piece[0]))) pieces.push(piece);
    }
    const way = bridge(grid, editor.labels, pieces);
    if (way === null) {
      this.words.value =
        "They cannot be joined: no way between them stays in the liver and clear of other lesions.";
    } else if (way.length === 0) {
      this.words.value = "They are one already.";
    } else {
      editor.relabel(way, TUMOUR, "join lesions", this.rules);
      const ml = (way.length * grid.voxelMm3) / 1000;
      this.words.value =
        `Joined by ${way.length === 1 ? "one voxel" : `${way.length} voxels`} of liver (${ml.toFixed(2)} ml). Undo takes them away.`;
      void this.session.autosave.flush();
    }
  }

  private get rules(): Rules {
    return { ...FREE, locked: this.session.tools.locked.value };
  }

  /** Whether lesions may become `label`, or it lesions; says why not. */
  private free(label: Label): boolean {
    if (this.session.busy.value !== null) return false;
    const locked = ([TUMOUR, label] as Label[]).find((l) => this.session.tools.locked.value.has(l));
    if (locked === undefined) return true;
    this.words.value = `${LABEL_NAMES[locked]} is locked.`;
    return false;
  }
}
