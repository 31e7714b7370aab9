import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Autosave, type SaveAnswer } from "../src/transfer/autosave";
import { gunzip, gzip } from "../src/transfer/gzip";
import { readLabelMap } from "../src/volume/nifti";

describe("autosave", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function server(...answers: (SaveAnswer | Error)[]) {
    const asked: { revision: number; at: number }[] = [];
    const send = async (revision: number): Promise<SaveAnswer> => {
      asked.push({ revision, at: Date.now() });
      const answer = answers.shift() ?? { kind: "saved", revision: revision + 1 };
      if (answer instanceof Error) throw answer;
      return answer;
    };
    return { asked, send };
  }

  it("sends within two seconds of the first change, however long the painting goes on", async () => {
    const { asked, send } = server();
    const autosave = new Autosave(3, send);
    const start = Date.now();
    for (let n = 0; n < 40; n++) {
      autosave.changed();
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(asked[0]).toEqual({ revision: 3, at: start + 2000 });
    expect(asked[1].revision).toBe(4);
    await vi.advanceTimersByTimeAsync(5000);
    expect(autosave.state).toBe("saved");
    expect(autosave.unsaved).toBe(false);
  });

  it("stops at a conflict until a person chooses", async () => {
    const { asked, send } = server({ kind: "conflict", revision: 9, message: "Another window." });
    const autosave = new Autosave(3, send);
    autosave.changed();
    await vi.advanceTimersByTimeAsync(2000);
    expect(autosave.state).toBe("conflict");
    autosave.changed();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await autosave.flush()).toBe(false);
    expect(asked).toHaveLength(1);
    expect(await autosave.keepMine()).toBe(true);
    expect(asked[1].revision).toBe(9);
    expect(autosave.revision).toBe(10);
  });

  it("can give this window's voxels up", async () => {
    const { asked, send } = server({ kind: "conflict", revision: 9, message: "" });
    const autosave = new Autosave(3, send);
    autosave.changed();
    await vi.advanceTimersByTimeAsync(2000);
    autosave.forget(9);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toHaveLength(1);
    expect(autosave.unsaved).toBe(false);
  });

  it("asks again while the server is away", async () => {
    const { asked, send } = server(new Error("gone"), { kind: "failed", message: "no space" });
    const autosave = new Autosave(0, send);
    autosave.changed();
    await vi.advanceTimersByTimeAsync(2000);
    expect(autosave.state).toBe("unreachable");
    expect(autosave.message).toBe("gone");
    await vi.advanceTimersByTimeAsync(2000);
    expect(autosave.message).toBe("no space");
    await vi.advanceTimersByTimeAsync(2000);
    expect(autosave.state).toBe("saved");
    expect(asked.map((a) => a.revision)).toEqual([0, 0, 0]);
  });

  it("flushes what is unsaved at once, also what came while a save was under way", async () => {
    const { asked, send } = server();
    const autosave = new Autosave(0, send);
    autosave.changed();
    const first = autosave.flush();
    autosave.changed();
    await first;
    expect(await autosave.flush()).toBe(true);
    expect(asked.map((a) => a.revision)).toEqual([0, 1]);
  });
});

describe("transfer", () => {
  it("gzips and back", async () => {
    const bytes = Uint8Array.from({ length: 100_000 }, (_, n) => (n / 1000) % 3);
    const packed = await gzip(bytes);
    expect(packed.length).toBeLessThan(5000);
    expect(await gunzip(packed)).toEqual(bytes);
  });

  it("refuses a stream that is cut", async () => {
    const packed = await gzip(new Uint8Array(1000));
    await expect(gunzip(packed.slice(0, -6))).rejects.toThrow();
  });
});

describe("a NIfTI label map", () => {
  function nifti(shape: number[], datatype = 2, little = true): Uint8Array {
    const count = shape[0] * shape[1] * shape[2];
    const bytes = new Uint8Array(352 + count);
    const view = new DataView(bytes.buffer);
    view.setInt32(0, 348, little);
    view.setInt16(40, 3, little);
    shape.forEach((n, axis) => view.setInt16(42 + 2 * axis, n, little));
    view.setInt16(70, datatype, little);
    view.setFloat32(108, 352, little);
    for (let v = 0; v < count; v++) bytes[352 + v] = v % 3;
    return bytes;
  }

  it.each([true, false])("gives its voxels in file order (little-endian %s)", async (little) => {
    const map = await readLabelMap(await gzip(nifti([2, 3, 4], 2, little)), [2, 3, 4]);
    expect([...map]).toEqual(Array.from({ length: 24 }, (_, v) => v % 3));
  });

  it("refuses another shape, another type, and half a file", async () => {
    await expect(readLabelMap(nifti([2, 3, 4]), [3, 2, 4])).rejects.toThrow("2 × 3 × 4");
    await expect(readLabelMap(nifti([2, 3, 4], 16), [2, 3, 4])).rejects.toThrow("uint8");
    await expect(readLabelMap(nifti([2, 3, 4]).slice(0, -1), [2, 3, 4])).rejects.toThrow("cut short");
    await expect(readLabelMap(new Uint8Array(400), [2, 3, 4])).rejects.toThrow("not NIfTI");
  });
});
