/** NiiVue as we need it: slices that fill their panes, and 3D with surfaces alone. */
import { type NVMesh, Niivue, type SLICE_TYPE } from "@niivue/niivue";

/** How much of a pane is left around its slice. */
const MARGIN = 1.03;

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
    const [, , width, height] = this.tile;
    const fov = view.fovMM;
    const perPixel = Math.max(fov[0] / width, fov[1] / height) * MARGIN;
    [width, height].forEach((pixels, side) => {
      const middle = (view.mnMM[side] + view.mxMM[side]) / 2;
      fov[side] = pixels * perPixel;
      view.mnMM[side] = middle - fov[side] / 2;
      view.mxMM[side] = middle + fov[side] / 2;
    });
    return view;
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
