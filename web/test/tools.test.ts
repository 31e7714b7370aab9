import { describe, expect, it } from "vitest";
import { ruled } from "../src/edit/rules";
import { LARGEST_MM, SMALLEST_MM, Tools } from "../src/case/tools";

describe("the tool in hand", () => {
  it("writes its label, or background where it erases", () => {
    const tools = new Tools();
    tools.label.value = 1;
    for (const [tool, label] of [["brush", 1], ["fill", 1], ["grow", 1], ["eraser", 0]] as const) {
      tools.tool.value = tool;
      expect(tools.writes).toBe(label);
    }
    tools.cuts.value = true;
    expect(tools.writes).toBe(0);
    tools.tool.value = "fill";
    expect(tools.writes).toBe(0);
    tools.tool.value = "brush"; // cutting out is the outline's alone
    expect(tools.writes).toBe(1);
  });

  it("says why nothing would change", () => {
    const tools = new Tools();
    tools.toggleLock(2);
    expect(tools.hindrance).toBeNull(); // navigating changes nothing anyway
    tools.tool.value = "fill";
    expect(tools.hindrance).toBe("Lesion is locked.");
    tools.cuts.value = true;
    tools.toggleInside(); // lesions alone are inside of the liver at first
    expect(tools.hindrance).toBeNull();
    tools.toggleInside();
    tools.toggleLock(1);
    expect(tools.hindrance).toBe("Liver is locked."); // erasing a lesion would leave liver
    tools.toggleLock(1);
    tools.toggleLock(2);
    expect(tools.hindrance).toBeNull();
  });

  it("keeps lesions inside the liver, and lets the liver grow", () => {
    const tools = new Tools();
    expect(tools.insideLiver).toBe(true);
    tools.label.value = 1;
    expect(tools.insideLiver).toBe(false);
    tools.toggleInside();
    tools.label.value = 2;
    tools.toggleInside();
    expect(tools.rules.insideLiver).toBe(false);
    tools.label.value = 1;
    expect(tools.rules.insideLiver).toBe(true);
  });

  it("erases lesions alone, or all of the liver", () => {
    const tools = new Tools();
    tools.tool.value = "eraser";
    expect(ruled(2, tools.writes, 0, tools.rules)).toBe(1); // no hole in the liver
    expect(ruled(1, tools.writes, 0, tools.rules)).toBe(1);
    tools.toggleInside();
    expect(ruled(2, tools.writes, 0, tools.rules)).toBe(0);
    expect(ruled(1, tools.writes, 0, tools.rules)).toBe(1);
    tools.label.value = 1;
    expect(ruled(1, tools.writes, 0, tools.rules)).toBe(0);
    expect(ruled(2, tools.writes, 0, tools.rules)).toBe(0);
    tools.tool.value = "brush";
    expect(ruled(1, tools.writes, 0, { ...tools.rules, threshold: null })).toBe(1);
    tools.label.value = 2;
    expect(ruled(1, tools.writes, 0, tools.rules)).toBe(2); // painting is of any label
  });

  it("has a range of brightness with the threshold brush alone", () => {
    const tools = new Tools();
    tools.range.value = { low: 3, high: 4 };
    tools.tool.value = "fill";
    expect(tools.rules.threshold).toBeNull();
    tools.tool.value = "threshold";
    expect(tools.rules.threshold).toEqual({ low: 3, high: 4 });
  });

  it("keeps the brush within its sizes", () => {
    const tools = new Tools();
    for (let n = 0; n < 99; n++) tools.resize(1);
    expect(tools.sizeMm.value).toBe(LARGEST_MM);
    for (let n = 0; n < 99; n++) tools.resize(-1);
    expect(tools.sizeMm.value).toBe(SMALLEST_MM);
  });
});
