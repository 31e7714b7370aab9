import { beforeEach, describe, expect, it } from "vitest";

const store = new Map<string, string>();
globalThis.localStorage = {
  getItem: (key: string) => store.get(key) ?? null,
  setItem: (key: string, value: string) => void store.set(key, value),
  removeItem: (key: string) => void store.delete(key),
} as unknown as Storage;
const { assign, COMMANDS, commandOf, forgetKeys, keyOf, nameOf } = await import("../src/app/hotkeys");

/** A press with the focus in an element of this kind. */
function press(key: string, held: Partial<KeyboardEvent> = {}, inside = "div"): KeyboardEvent {
  const closest = (selector: string) => (selector.split(", ").includes(inside) ? {} : null);
  return { key, target: { closest }, ...held } as unknown as KeyboardEvent;
}

describe("keys", () => {
  beforeEach(forgetKeys);

  it("each command has one of its own", () => {
    expect(new Set(COMMANDS.map((command) => command.key)).size).toBe(COMMANDS.length);
  });

  it("are named as people say them", () => {
    expect(nameOf(press("z", { ctrlKey: true }))).toBe("Ctrl+Z");
    expect(nameOf(press("?", { shiftKey: true }))).toBe("?");
    expect(nameOf(press(" "))).toBe("Space");
    expect(nameOf(press("Shift", { shiftKey: true }))).toBe("");
  });

  it("mean their commands, but not while typing", () => {
    expect(commandOf(press("b"))).toBe("brush");
    expect(commandOf(press("b", {}, "input[type=text]"))).toBeNull();
    expect(commandOf(press("Z", { ctrlKey: true, shiftKey: true }))).toBe("redo");
    expect(commandOf(press("q"))).toBeNull();
  });

  it("leave Enter and Space to a button that has the focus", () => {
    expect(commandOf(press("Enter"))).toBe("dab");
    expect(commandOf(press("Enter", {}, "button"))).toBeNull();
    expect(commandOf(press("b", {}, "button"))).toBe("brush");
  });

  it("go on after a tick or a slider, which keep only the keys that they need", () => {
    expect(commandOf(press("j", {}, "input[type=checkbox]"))).toBe("join");
    expect(commandOf(press(" ", {}, "input[type=checkbox]"))).toBeNull();
    expect(commandOf(press("b", {}, "input[type=range]"))).toBe("brush");
    expect(commandOf(press("ArrowLeft", {}, "input[type=range]"))).toBeNull();
    expect(commandOf(press("ArrowLeft"))).toBe("left");
  });

  it("can be changed, never to one that is taken, and the change is kept", () => {
    expect(assign("brush", "Q")).toBeNull();
    expect(commandOf(press("q"))).toBe("brush");
    expect(commandOf(press("b"))).toBeNull();
    expect(assign("eraser", "Q")?.id).toBe("brush");
    expect(keyOf("eraser")).toBe("E");
    expect(JSON.parse(store.get("hotkeys") as string)).toEqual({ brush: "Q" });
  });
});
