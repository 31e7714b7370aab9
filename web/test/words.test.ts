import { describe, expect, it } from "vitest";
import { stateOf, type Job } from "../src/api/types";
import { flat } from "../src/parts/facts";
import { rootOf } from "../src/worklist/roots";

describe("where a case comes from", () => {
  it("is told as names and values, however deep", () => {
    const record = {
      bundle: { name: "m", sha256: null },
      plan: { stages: [{ name: "liver", spacing: [1, 2, 3] }, { name: "lesions" }], used: true },
      empty: [],
    };
    expect(flat(record)).toEqual([
      ["bundle name", "m"],
      ["plan stages 1 name", "liver"],
      ["plan stages 1 spacing", "1, 2, 3"],
      ["plan stages 2 name", "lesions"],
      ["plan used", "true"],
    ]);
  });
});

describe("the folder to start from", () => {
  const roots = ["/data", "/data/more", "/"];
  it("is the nearest above", () => {
    expect(rootOf(roots, "/data/more/scans")).toBe("/data/more");
    expect(rootOf(roots, "/data/mores")).toBe("/data");
    expect(rootOf(roots, "/data")).toBe("/data");
    expect(rootOf(["/data"], "/other")).toBe("");
    expect(rootOf(["C:\\scans"], "C:\\scans\\a")).toBe("C:\\scans");
  });
});

describe("a job that needs to know which series", () => {
  const job = (state: string, choices?: string[]) =>
    ({ state, error: { error: "e", hint: null, choices } }) as unknown as Job;
  it("asks, and has not failed", () => {
    expect(stateOf(job("failed", ["1"]))).toBe("asks");
    expect(stateOf(job("failed", []))).toBe("failed");
    expect(stateOf(job("failed"))).toBe("failed");
    expect(stateOf(job("running", ["1"]))).toBe("running");
  });
});
