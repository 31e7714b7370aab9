/** NiiVue as we need it: slices that fill their panes, and 3D with surfaces alone. */
import { type NVMesh, Niivue, SLICE_TYPE } from "@niivue/niivue";
import type { Box } from "../volume/grid";

/** How much of a pane is left around its slice. */
const MARGIN = 1.03;

/** The axes of the viewer (right, anterior, superior) that run across and up in a slice. */
const ACROSS: Record<number, readonly [number, number]> = {
  [SLICE_TYPE.AXIAL]: [0, 1], [SLICE_TYPE.CORONAL]: [0, 2], [SLICE_TYPE.SAGITTAL]: [1, 2],
};
/** Two lengths in pixels that come from shares of one canvas. */
const same = (a: number, b: number) => Math.abs(a - b) < 2;

/** A liver like glass: clear where seen face on, so that lesions show through. */
export const GLASS = `#version 300 es
precision highp float;
uniform float opacity;
in vec4 vClr;
in vec3 vN;
out vec4 color;
void main() {
  vec3 n = normalize(vN);
  float edge = pow(1.0 - abs(n.z), 1.5);
  color = vec4(vClr.rgb * (0.8 + 0.2 * n.y), opacity * (0.2 + 0.7 * edge));
}`;

export class Scene extends Niivue {
  /** What 3D turns around; the whole field of view where there is none. */
  middle: NVMesh | null = null;

  /** Labels have a pattern beside their colour. */
  hatched = true;
  /** Called after each drawing, whoever asked for it: a resized window draws by itself. */
  onDrawn: () => void = () => {};

  /** The viewer's voxels that a slice must show at least; all of them where it is null. */
  body: Box | null = null;

  private tile: readonly number[] = [0, 0, 1, 1];

  override drawScene() {
    const shader = this.customSliceShader;
    if (shader) {
      shader.use(this.gl);
      this.gl.uniform1f(shader.uniforms.pixel, this.uiData.dpr || 1);
      this.gl.uniform1i(shader.uniforms.hatched, Number(this.hatched));
    }
    const said = super.drawScene();
    this.onDrawn();
    return said;
  }

  /** A slice has its whole pane, so that zooming in uses all of it. */
  override draw2D(tile: number[], slice: SLICE_TYPE, slicePosition = NaN): void {
    this.tile = tile;
    this.draw2DMain([...tile], slice, slicePosition);
  }

  override screenFieldOfViewExtendedVox(slice: SLICE_TYPE) {
    const view = super.screenFieldOfViewExtendedVox(slice);
    const frame = this.frameOf(slice);
    [0, 1].forEach((side) => {
      const length = view.mxMM[side] - view.mnMM[side];
      const middle = view.mnMM[side] + frame.middle[side] * length;
      const fov = this.tile[2 + side] * this.millimetresPerPixel(slice);
      view.fovMM[side] = fov;
      view.mnMM[side] = middle - fov / 2;
      view.mxMM[side] = middle + fov / 2;
    });
    return view;
  }

  /** What of a slice must be seen: its middle in shares of the image, its size in mm. */
  private frameOf(slice: SLICE_TYPE): { middle: number[]; mm: number[] } {
    const view = super.screenFieldOfViewExtendedVox(slice);
    const shape = this.back!.dimsRAS!.slice(1, 4);
    const low = this.body?.low ?? [0, 0, 0];
    const high = this.body?.high ?? shape.map((n) => n - 1);
    const ends = ACROSS[slice].map((axis) => [low[axis] / shape[axis], (high[axis] + 1) / shape[axis]]);
    return {
      middle: ends.map(([a, b]) => (a + b) / 2),
      mm: ends.map(([a, b], side) => (b - a) * (view.mxMM[side] - view.mnMM[side])),
    };
  }

  /** Panes of one size have one scale, so that they can be compared. */
  private millimetresPerPixel(slice: SLICE_TYPE): number {
    const [, , width, height] = this.tile;
    const equals = (this.getCustomLayout() ?? []).filter(({ sliceType, position: [, , w, h] }) =>
      sliceType in ACROSS && same(w * this.gl.canvas.width, width) && same(h * this.gl.canvas.height, height),
    );
    const slices = new Set([slice, ...equals.map((tile) => tile.sliceType)]);
    const needs = [...slices].map((each) => {
      const { mm } = this.frameOf(each);
      return Math.max(mm[0] / width, mm[1] / height);
    });
    return Math.max(...needs) * MARGIN;
  }

  /** 3D shows surfaces; the image's ray casting would only hide them, and cost every redraw. */
  override drawImage3D(): void {}

  override setPivot3D(): void {
    super.setPivot3D();
    if (!this.middle) return;
    const low = this.middle.extentsMin as number[];
    const high = this.middle.extentsMax as number[];
    this.pivot3D = low.map((x, axis) => (x + high[axis]) / 2);
    this.furthestFromPivot = Math.hypot(...low.map((x, axis) => high[axis] - x)) / 2;
  }
}
