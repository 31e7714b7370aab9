/**
 * Voxels out of a NIfTI-1 label map (.nii.gz or .nii) that the server sent.
 *
 * The header's geometry is not used: the server has told shape and affine, and a map with another
 * shape is refused. Source: NIfTI-1.1 header, https://nifti.nimh.nih.gov/nifti-1.
 */
import type { Vector } from "./grid";
import { gunzip } from "../transfer/gzip";

const UINT8 = 2;

export async function readLabelMap(file: Uint8Array, shape: Vector): Promise<Uint8Array> {
  const bytes = file[0] === 0x1f && file[1] === 0x8b ? await gunzip(file) : file;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 352) throw new Error("The label map is too short to be NIfTI.");
  const little = view.getInt32(0, true) === 348;
  if (!little && view.getInt32(0, false) !== 348) throw new Error("The label map is not NIfTI-1.");
  if (view.getInt16(70, little) !== UINT8) throw new Error("The label map is not of type uint8.");
  const found = [42, 44, 46].map((at) => view.getInt16(at, little));
  if (found.some((n, axis) => n !== shape[axis])) {
    throw new Error(`The label map has ${found.join(" × ")} voxels, the image ${shape.join(" × ")}.`);
  }
  const offset = view.getFloat32(108, little);
  const count = shape[0] * shape[1] * shape[2];
  if (bytes.length < offset + count) throw new Error("The label map is cut short.");
  return bytes.slice(offset, offset + count);
}
