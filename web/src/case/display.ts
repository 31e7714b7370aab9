/** What is shown of a case, and how: the map, the comparison, looks, window, layout, 3D. */
import { signal } from "@preact/signals";
import type { Which } from "../api/types";
import { DIFFERENCE_COLOURS, LESION_COLOUR, LIVER_COLOUR } from "../viewer/colours";
import { worstPlace } from "../edit/difference";
import { middleOf, piecesOf } from "../edit/lesion";
import type { Look, SliceName, SurfaceLook, Tile, Viewer } from "../viewer/niivue";
import { surfaceOf } from "../viewer/surface";
import { presets, type Window } from "../viewer/window";
import type { Box, Vector } from "../volume/grid";
import { TUMOUR, type Label } from "../volume/labels";
import type { CaseSession } from "./session";

export type Layout = "four" | SliceName | "3d";

const SURFACE_DELAY_MS = 700;
const PANES = ["axial", "coronal", "sagittal", "3d"] as const;

/** Where the panes stand: four equal ones, or one large with the others in a column. */
export function tilesOf(layout: Layout): Tile[] {
  if (layout === "four") {
    return PANES.map((pane, n) => ({ pane, place: [(n % 2) / 2, n < 2 ? 0 : 0.5, 0.5, 0.5] }));
  }
  const others = PANES.filter((pane) => pane !== layout);
  return [
    { pane: layout, place: [0, 0, 0.68, 1] },
    { pane: others[0], place: [0.68, 0, 0.32, 0.34] },
    { pane: others[1], place: [0.68, 0.34, 0.32, 0.33] },
    { pane: others[2], place: [0.68, 0.67, 0.32, 0.33] },
  ];
}

/** What this browser remembers of a choice. */
function kept(name: string, otherwise: boolean): boolean {
  const said = localStorage.getItem(name);
  return said === null ? otherwise : said === "true";
}

export class Display {
  readonly which = signal<Which>("ai");
  readonly against = signal<Which | null>(null);
  readonly visible = signal<ReadonlySet<Label>>(new Set<Label>([1, 2]));
  readonly overlay = signal(true);
  readonly opacity = signal(0.45);
  readonly outline = signal(kept("outline", true));
  readonly hatched = signal(kept("hatched", true));
  readonly crosshair = signal(kept("crosshair", true));
  readonly radiological = signal(kept("radiological", true));
  readonly layout = signal<Layout>("four");
  readonly window = signal<Window>({ low: 0, high: 1 });
  readonly ready = signal(false);
  /** Counts drawings: what lies over the canvas follows it. */
  readonly drawn = signal(0);
  readonly pane = signal<SliceName>("axial");
  viewer: Viewer | null = null;
  private shown: Uint8Array | null = null;
  /** What is shown is where two maps differ. */
  private differs = false;
  private turn = 0;
  private surfaceTimer: ReturnType<typeof setTimeout> | null = null;
  private windowAsked = false;

  constructor(private readonly session: CaseSession) {
    const { percentiles, has } = session.info.peek();
    const first = presets(percentiles)[0];
    this.window.value = first ?? { low: percentiles.p1, high: percentiles.p99 + 1e-6 };
    this.which.value = has.correction ? "corrected" : "ai";
  }

  attach(viewer: Viewer): void {
    this.viewer = viewer;
    viewer.onDraw = () => this.drawn.value++;
    viewer.setRadiological(this.radiological.value);
    viewer.layout(tilesOf(this.layout.value));
    viewer.jump(this.opening());
    this.looks();
    void this.showMap();
    this.ready.value = true;
  }

  /** Give the keys to the slices. */
  focus(): void {
    document.querySelector<HTMLElement>("[role=application]")?.focus({ preventScroll: true });
  }

  close(): void {
    if (this.surfaceTimer !== null) clearTimeout(this.surfaceTimer);
    this.viewer?.close();
    this.viewer = null;
  }

  brightness(index: number): number {
    return this.viewer?.brightness(index) ?? 0;
  }

  /** The label shown at a voxel; null in a comparison. */
  labelAt(index: number): Label | null {
    return this.shown && !this.differs ? (this.shown[index] as Label) : null;
  }

  /** Show a map; with `against` the voxels where the two differ. */
  async choose(which: Which, against: Which | null = null): Promise<void> {
    const measured = this.which.value;
    this.which.value = which;
    this.against.value = against;
    this.looks();
    await this.showMap();
    if (measured !== which) await this.session.lesions.measure();
  }

  /** The working copy has changed. */
  changed(box: Box): void {
    if (this.which.value !== "corrected" || this.against.value !== null) {
      this.which.value = "corrected";
      this.against.value = null;
      this.looks();
      void this.showMap();
      return;
    }
    this.viewer?.show(this.session.editor.labels, box);
    this.surfacesSoon();
  }

  /** Go to where a comparison has the most to show, in axial slices. */
  showWorst(): void {
    if (!this.viewer || !this.shown || !this.differs) return;
    const place = worstPlace(this.session.grid, this.shown, this.viewer.axisOf("axial"));
    if (place) this.jump(place);
  }

  /** Go to the middle of the liver. */
  showLiver(): void {
    this.jump(this.middle());
  }

  setWindow(window: Window): void {
    this.window.value = window;
    if (this.windowAsked) return;
    this.windowAsked = true;
    requestAnimationFrame(() => {
      this.windowAsked = false;
      this.viewer?.setWindow(this.window.value);
    });
  }

  setLayout(layout: Layout): void {
    this.layout.value = layout;
    if (layout !== "four" && layout !== "3d") this.pane.value = layout;
    this.viewer?.layout(tilesOf(layout));
  }

  toggleLabel(label: Label): void {
    const visible = new Set(this.visible.value);
    if (!visible.delete(label)) visible.add(label);
    this.visible.value = visible;
    this.looks();
    this.surfacesSoon();
  }

  /** Give NiiVue the colours as they are set. */
  looks(): void {
    const colours = this.against.value ? DIFFERENCE_COLOURS : [LIVER_COLOUR, LESION_COLOUR];
    const looks: Look[] = [{ colour: [0, 0, 0], alpha: 0 }];
    colours.forEach((colour, n) => {
      const hidden = !this.against.value && !this.visible.value.has((n + 1) as Label);
      // The liver is large: it stays under the lesions' strength.
      looks.push({ colour, alpha: hidden ? 0 : this.against.value || n > 0 ? 1 : 0.6 });
    });
    const opacity = this.overlay.value ? this.opacity.value : 0;
    const outline = this.outline.value && this.overlay.value;
    this.viewer?.setLooks(looks, opacity, outline, this.hatched.value);
  }

  toggleOverlay(): void {
    this.overlay.value = !this.overlay.value;
    this.looks();
  }

  toggleOutline(): void {
    this.outline.value = !this.outline.value;
    localStorage.setItem("outline", String(this.outline.value));
    this.looks();
  }

  toggleHatch(): void {
    this.hatched.value = !this.hatched.value;
    localStorage.setItem("hatched", String(this.hatched.value));
    this.looks();
  }

  toggleCrosshair(): void {
    this.crosshair.value = !this.crosshair.value;
    localStorage.setItem("crosshair", String(this.crosshair.value));
  }

  toggleSides(): void {
    this.radiological.value = !this.radiological.value;
    localStorage.setItem("radiological", String(this.radiological.value));
    this.viewer?.setRadiological(this.radiological.value);
  }

  jump(voxel: Vector): void {
    this.viewer?.jump(voxel);
  }

  reset(): void {
    const first = presets(this.session.info.peek().percentiles)[0];
    if (first) this.setWindow(first);
    this.viewer?.resetView();
  }

  private async showMap(): Promise<void> {
    const { which, against, session } = this;
    await session.trying(async () => {
      const turn = ++this.turn;
      const other = against.value;
      const map = other
        ? await session.differenceOf(which.value, other)
        : await session.map(which.value);
      if (turn !== this.turn) return; // another was chosen while this one came
      this.shown = map;
      this.differs = other !== null;
      this.viewer?.show(map);
      this.surfacesSoon();
    });
  }

  private surfacesSoon(): void {
    if (this.surfaceTimer !== null) clearTimeout(this.surfaceTimer);
    this.surfaceTimer = setTimeout(() => this.surfaces(), SURFACE_DELAY_MS);
  }

  /** 3D: the liver as glass, lesions in it; of a comparison, the differences. */
  private surfaces(): void {
    const { session, shown } = this;
    if (!this.viewer || !shown) return;
    const looks: SurfaceLook[] = [];
    const add = (
      map: Uint8Array, inside: boolean[], step: number, colour: SurfaceLook["colour"], glass: boolean,
    ) => {
      const surface = surfaceOf(session.grid, map, inside, step);
      if (surface) looks.push({ surface, colour, glass });
    };
    if (this.against.value) {
      DIFFERENCE_COLOURS.forEach((colour, n) =>
        add(shown, [0, 1, 2, 3].map((value) => value === n + 1), 1.5, colour, false),
      );
      add(session.editor.labels, [false, true, true], 2.5, LIVER_COLOUR, true);
    } else {
      if (this.visible.value.has(2)) add(shown, [false, false, true], 1.5, LESION_COLOUR, false);
      if (this.visible.value.has(1)) add(shown, [false, true, true], 2.5, LIVER_COLOUR, true);
    }
    this.viewer.setSurfaces(looks);
  }

  /** Where to look first: the largest lesion, else the liver's middle. */
  private opening(): Vector {
    const { grid, editor } = this.session;
    const [largest] = piecesOf(grid, editor.labels, TUMOUR);
    return largest ? middleOf(grid, largest) : this.middle();
  }

  /** Of the liver; of the image where there is none. */
  private middle(): Vector {
    const { grid, editor } = this.session;
    const sum = [0, 0, 0];
    let count = 0;
    for (let index = 0; index < grid.count; index += 7) {
      if (editor.labels[index] === 0) continue;
      grid.voxel(index).forEach((x, axis) => (sum[axis] += x));
      count++;
    }
    if (count === 0) return grid.shape.map((n) => (n - 1) / 2) as unknown as Vector;
    return sum.map((x) => x / count) as unknown as Vector;
  }
}
