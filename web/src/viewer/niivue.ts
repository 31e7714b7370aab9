/**
 * The adapter to NiiVue (0.69.0): nothing outside this folder knows it.
 *
 * NiiVue draws: three slices and the 3D view in one canvas, the image, and our label map as its
 * "drawing" texture. It gets no mouse and no keys, and no voxel is ever taken back from it.
 */
import { NVImage, NVMesh, SLICE_TYPE } from "@niivue/niivue";
import type { Axis, Box, Grid, Vector } from "../volume/grid";
import type { Rgb } from "./colours";
import { bodyOf } from "./body";
import { letterOf, Orientation } from "./orientation";
import { GLASS, Scene } from "./scene";
import { SLICES } from "./slices";
import type { Surface } from "./surface";
import type { Window } from "./window";

export type SliceName = "axial" | "coronal" | "sagittal";
export type PaneName = SliceName | "3d";

export interface Tile {
  readonly pane: PaneName;
  /** Shares of the canvas: left, top, width, height. */
  readonly place: readonly [number, number, number, number];
}

/** How a label value looks; `alpha` 0 hides it. */
export interface Look {
  readonly colour: Rgb;
  readonly alpha: number;
}

export interface SurfaceLook {
  readonly surface: Surface;
  readonly colour: Rgb;
  readonly glass: boolean;
}

const TYPES: Record<PaneName, SLICE_TYPE> = {
  axial: SLICE_TYPE.AXIAL,
  coronal: SLICE_TYPE.CORONAL,
  sagittal: SLICE_TYPE.SAGITTAL,
  "3d": SLICE_TYPE.RENDER,
};
/** The axis of the viewer (right, anterior, superior) that a pane looks along. */
const ALONG: Record<SliceName, number> = { axial: 2, coronal: 1, sagittal: 0 };
/** The axes of the viewer that run to the right and up in a pane, but for mirroring. */
const ACROSS: Record<SliceName, readonly [number, number]> = {
  axial: [0, 1], coronal: [0, 2], sagittal: [1, 2],
};
const DRAWING_UNIT = 33991; // WebGL's TEXTURE7, where NiiVue keeps its drawing

export class Viewer {
  private orientation: Orientation | null = null;
  private shown: Uint8Array | null = null;
  private glass = 0;
  private drawing = false;

  private constructor(
    private readonly scene: Scene,
    private readonly grid: Grid,
  ) {}

  /** Called after each drawing, to move what lies over the canvas. */
  set onDraw(heard: () => void) {
    this.scene.onDrawn = heard;
  }

  /** Throws where the browser has no WebGL2, or the image is another than the server described. */
  static async open(
    canvas: HTMLCanvasElement, image: Uint8Array, grid: Grid, window: Window,
  ): Promise<Viewer> {
    const scene = new Scene({
      interactive: false,
      dragAndDropEnabled: false,
      isRadiologicalConvention: true,
      sagittalNoseLeft: true,
      isOrientationTextVisible: false,
      isSliceMM: false,
      crosshairWidth: 0, // ours is drawn over the canvas, a pixel wide at every zoom
      meshThicknessOn2D: 0,
      loadingText: "",
      logLevel: "error" as never,
      backColor: [0, 0, 0, 1],
      tileMargin: 0,
    });
    await scene.attachToCanvas(canvas, false);
    const file = new File([image as BlobPart], "image.nii.gz");
    const volume = await NVImage.loadFromFile({
      file, name: "image.nii.gz", cal_min: window.low, cal_max: window.high,
    });
    const dims = volume.hdr!.dims;
    if (grid.shape.some((n, axis) => dims[axis + 1] !== n)) {
      throw new Error("The image does not have the shape that the server named.");
    }
    scene.addVolume(volume);
    const viewer = new Viewer(scene, grid);
    viewer.orientation = new Orientation(volume.permRAS!, grid.shape);
    viewer.glass = scene.setCustomMeshShader(GLASS, "Glass");
    scene.setCustomSliceShader(SLICES);
    viewer.shown = new Uint8Array(grid.count);
    scene.drawBitmap = viewer.shown;
    scene.drawTexture = scene.r8Tex(scene.drawTexture, DRAWING_UNIT, scene.back!.dims!, true);
    scene.body = viewer.orientation.boxToViewer(bodyOf(grid, (v) => viewer.brightness(v)));
    viewer.turnBack();
    return viewer;
  }

  close(): void {
    this.scene.cleanup();
    this.scene.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }

  /** Brightness of a voxel (file order) in the image's own numbers. */
  brightness(index: number): number {
    const { img, hdr } = this.scene.volumes[0];
    const slope = hdr!.scl_slope || 1;
    return (img as ArrayLike<number> as number[])[index] * slope + (hdr!.scl_inter || 0);
  }

  // --- what is shown -------------------------------------------------------------------------

  layout(tiles: readonly Tile[]): void {
    this.scene.setCustomLayout(
      tiles.map(({ pane, place }) => ({ sliceType: TYPES[pane], position: [...place] })),
    );
    this.redraw();
  }

  setWindow({ low, high }: Window): void {
    const volume = this.scene.volumes[0];
    volume.cal_min = low;
    volume.cal_max = high;
    this.scene.refreshLayers(volume, 0);
    this.redraw();
  }

  /** Colours by value (index 0 is never drawn), the opacity of areas, or outlines instead of them. */
  setLooks(looks: readonly Look[], opacity: number, outline: boolean, hatched: boolean): void {
    const lut = new Uint8ClampedArray(256 * 4);
    looks.forEach(({ colour, alpha }, value) => {
      if (value > 0) lut.set([...colour, 255 * alpha], 4 * value);
    });
    this.scene.drawLut = { lut, labels: looks.map((_, value) => String(value)) };
    this.scene.hatched = hatched;
    this.scene.drawOpacity = opacity;
    this.scene.drawRimOpacity = outline ? 1 : -1;
    this.scene.refreshColormaps();
    this.redraw();
  }

  /** Show a map (file order), or only what changed of it. */
  show(map: Uint8Array, box: Box = this.grid.everything()): void {
    const { orientation, shown, scene } = this;
    if (!orientation || !shown) return;
    const { low, high } = orientation.boxToViewer(box);
    orientation.copy(map, shown, { low, high });
    const gl = scene.gl;
    const [nx, ny] = orientation.shape;
    gl.activeTexture(DRAWING_UNIT);
    gl.bindTexture(gl.TEXTURE_3D, scene.drawTexture);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.pixelStorei(gl.UNPACK_ROW_LENGTH, nx);
    gl.pixelStorei(gl.UNPACK_IMAGE_HEIGHT, ny);
    const size = high.map((x, axis) => x - low[axis] + 1);
    gl.texSubImage3D(
      gl.TEXTURE_3D, 0, low[0], low[1], low[2], size[0], size[1], size[2], gl.RED,
      gl.UNSIGNED_BYTE, shown, low[0] + nx * (low[1] + ny * low[2]),
    );
    gl.pixelStorei(gl.UNPACK_ROW_LENGTH, 0);
    gl.pixelStorei(gl.UNPACK_IMAGE_HEIGHT, 0);
    this.redraw();
  }

  /** What 3D shows, opaque things first. */
  setSurfaces(looks: readonly SurfaceLook[]): void {
    const { scene } = this;
    for (const mesh of scene.meshes) mesh.unloadMesh(scene.gl);
    const ordered = [...looks].sort((a, b) => Number(a.glass) - Number(b.glass));
    scene.meshes = ordered.map(({ surface, colour, glass }) => {
      const mesh = new NVMesh(
        surface.points, surface.triangles, "", Uint8Array.from([...colour, 255]),
        1, true, scene.gl,
      );
      mesh.meshShaderIndex = glass ? this.glass : 0;
      mesh.opacity = glass ? 0.95 : 1;
      return mesh;
    });
    scene.middle = scene.meshes[scene.meshes.length - 1] ?? null;
    this.redraw();
  }

  redraw(): void {
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      if (!this.scene.canvas?.isConnected) return;
      this.scene.drawScene();
    });
  }

  // --- where things are ----------------------------------------------------------------------

  /** The file axis that a pane looks along. */
  axisOf(pane: SliceName): Axis {
    return this.orientation!.axes[ALONG[pane]];
  }

  get crosshair(): Vector {
    return this.toFile(this.scene.scene.crosshairPos as unknown as Vector);
  }

  /** Put the crosshair on a voxel; it is kept inside the grid. */
  jump(voxel: Vector): void {
    const shape = this.grid.shape;
    const inside = voxel.map((x, axis) =>
      Math.min(shape[axis] - 1, Math.max(0, Math.round(x))),
    ) as unknown as Vector;
    this.scene.scene.crosshairPos = this.fraction(inside) as never;
    this.redraw();
  }

  /** Go through the slices of a pane: one step is one voxel, up, forwards or to the left. */
  step(pane: SliceName, steps: number): void {
    const voxel = [...this.orientation!.toViewer(this.crosshair)];
    voxel[ALONG[pane]] += steps;
    this.jump(this.orientation!.toFile(voxel as unknown as Vector));
  }

  /** Move the crosshair within a pane, in voxels of the screen: right and down. */
  nudge(pane: SliceName, right: number, down: number): void {
    const voxel = [...this.orientation!.toViewer(this.crosshair)];
    const [across, up] = ACROSS[pane];
    voxel[across] += this.mirrored(pane) ? -right : right;
    voxel[up] -= down;
    this.jump(this.orientation!.toFile(voxel as unknown as Vector));
  }

  /** [slice number from 1, slices] of a pane, counted in the viewer's direction. */
  slice(pane: SliceName): [number, number] {
    const along = ALONG[pane];
    const at = Math.round(this.orientation!.toViewer(this.crosshair)[along]);
    return [at + 1, this.orientation!.shape[along]];
  }

  paneAt(x: number, y: number): PaneName | null {
    const tile = this.tiles().find(({ box: [l, t, w, h] }) => x >= l && x < l + w && y >= t && y < t + h);
    return tile?.pane ?? null;
  }

  /** The (fractional) voxel under a point of the canvas (CSS pixels); null outside the image. */
  voxelAt(pane: SliceName, x: number, y: number): Vector | null {
    const index = this.indexOf(pane);
    if (index < 0) return null;
    const fraction = this.scene.screenXY2TextureFrac(x * this.dpr, y * this.dpr, index, false);
    const voxel = this.toFile(fraction as unknown as Vector);
    return voxel.every((v, axis) => v > -0.5 && v < this.grid.shape[axis] - 0.5) ? voxel : null;
  }

  /** Where a voxel lies in a pane, CSS pixels. */
  placeOf(pane: SliceName, voxel: Vector): [number, number] | null {
    const found = this.scene.frac2canvasPosWithTile(this.fraction(voxel) as never, TYPES[pane]);
    return found ? [found.pos[0] / this.dpr, found.pos[1] / this.dpr] : null;
  }

  /** CSS pixels per millimetre of a pane. */
  scale(pane: SliceName): number {
    const tile = this.scene.screenSlices[this.indexOf(pane)];
    return tile ? tile.leftTopWidthHeight[2] / this.dpr / Math.abs(tile.fovMM[0]) : 1;
  }

  /** The letters at the left, right, top and bottom of a pane, from where its pixels really are. */
  letters(pane: PaneName): [string, string, string, string] | null {
    if (pane === "3d") return this.lettersOf3d();
    const tile = this.tiles().find((t) => t.pane === pane);
    if (!tile) return null;
    const [l, t, w, h] = tile.box;
    const index = this.indexOf(pane);
    const world = (x: number, y: number) => {
      const fraction = this.scene.screenXY2TextureFrac(x * this.dpr, y * this.dpr, index, false);
      return this.grid.world(this.toFile(fraction as unknown as Vector));
    };
    const name = (from: Vector, to: Vector) =>
      letterOf(to.map((x, axis) => x - from[axis]) as unknown as Vector);
    const [cx, cy] = [l + w / 2, t + h / 2];
    const [west, east] = [world(cx - 20, cy), world(cx + 20, cy)];
    const [north, south] = [world(cx, cy - 20), world(cx, cy + 20)];
    return [name(east, west), name(west, east), name(south, north), name(north, south)];
  }

  private lettersOf3d(): [string, string, string, string] {
    const { renderAzimuth, renderElevation } = this.scene.scene;
    const m = this.scene.calculateModelMatrix(renderAzimuth, renderElevation);
    const side = (row: number, sign: number) =>
      letterOf([sign * m[row], sign * m[4 + row], sign * m[8 + row]]);
    return [side(0, -1), side(0, 1), side(1, 1), side(1, -1)];
  }

  /** The panes as they are on the screen, CSS pixels: left, top, width, height. */
  tiles(): { pane: PaneName; box: [number, number, number, number] }[] {
    const canvas = this.scene.canvas!;
    return (this.scene.getCustomLayout() ?? []).map(({ sliceType, position }) => ({
      pane: (Object.keys(TYPES) as PaneName[]).find((p) => TYPES[p] === sliceType) as PaneName,
      box: position.map((x, n) =>
        x * (n % 2 === 0 ? canvas.clientWidth : canvas.clientHeight),
      ) as [number, number, number, number],
    }));
  }

  // --- how it is looked at -------------------------------------------------------------------

  /** Zoom the slices about the crosshair. */
  zoom(factor: number): void {
    const pan = this.scene.scene.pan2Dxyzmm;
    const zoom = Math.min(20, Math.max(0.5, pan[3] * factor));
    const mm = this.scene.frac2mm(this.scene.scene.crosshairPos);
    const change = pan[3] - zoom;
    for (let axis = 0; axis < 3; axis++) pan[axis] += change * mm[axis];
    pan[3] = zoom;
    this.redraw();
  }

  /** Move the slices of a pane by CSS pixels. */
  pan(pane: SliceName, dx: number, dy: number): void {
    const pan = this.scene.scene.pan2Dxyzmm;
    const perPixel = pan[3] / this.scale(pane); // the pan is taken off before the zoom
    const [across, up] = ACROSS[pane];
    pan[across] += (this.mirrored(pane) ? -dx : dx) * perPixel;
    pan[up] -= dy * perPixel;
    this.redraw();
  }

  /** Radiological: the patient's right on the left of axial and coronal slices. */
  setRadiological(yes: boolean): void {
    this.scene.opts.isRadiologicalConvention = yes;
    this.redraw();
  }

  resetView(): void {
    this.scene.scene.pan2Dxyzmm = [0, 0, 0, 1] as never;
    this.scene.scene.volScaleMultiplier = 1;
    this.turnBack();
    this.redraw();
  }

  /** 3D as it opens: from the front, a little from above and from the patient's right. */
  private turnBack(): void {
    this.scene.scene.renderAzimuth = 160;
    this.scene.scene.renderElevation = 12;
  }

  turn(dx: number, dy: number): void {
    const view = this.scene.scene;
    view.renderAzimuth = (view.renderAzimuth - dx + 360) % 360;
    view.renderElevation = Math.min(90, Math.max(-90, view.renderElevation + dy));
    this.redraw();
  }

  zoom3d(factor: number): void {
    const view = this.scene.scene;
    view.volScaleMultiplier = Math.min(3, Math.max(0.4, view.volScaleMultiplier * factor));
    this.redraw();
  }

  // --- between NiiVue's fractions and voxels ----------------------------------------------------

  private get dpr(): number {
    return this.scene.uiData.dpr || 1;
  }

  /** Sagittal slices always have the front on the left, as seen from the patient's left. */
  private mirrored(pane: SliceName): boolean {
    return pane === "sagittal" || this.scene.opts.isRadiologicalConvention;
  }

  private indexOf(pane: PaneName): number {
    return this.scene.screenSlices.findIndex((tile) => tile.axCorSag === TYPES[pane]);
  }

  private toFile(fraction: Vector): Vector {
    const shape = this.orientation!.shape;
    const viewer = [0, 1, 2].map((r) => fraction[r] * shape[r] - 0.5) as unknown as Vector;
    return this.orientation!.toFile(viewer);
  }

  private fraction(voxel: Vector): Vector {
    const viewer = this.orientation!.toViewer(voxel);
    const shape = this.orientation!.shape;
    return viewer.map((x, r) => (x + 0.5) / shape[r]) as unknown as Vector;
  }
}
