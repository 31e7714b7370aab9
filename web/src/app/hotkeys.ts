/** Keyboard commands: what they are called, their keys, and what a user has made of those. */
import { signal } from "@preact/signals";

export interface Command {
  readonly id: string;
  readonly name: string;
  readonly group: "Tools" | "Editing" | "Looking" | "Lesions" | "App";
  readonly key: string;
}

export const COMMANDS: readonly Command[] = [
  { id: "navigate", name: "Navigate: move the crosshair", group: "Tools", key: "V" },
  { id: "brush", name: "Brush", group: "Tools", key: "B" },
  { id: "eraser", name: "Eraser", group: "Tools", key: "E" },
  { id: "threshold", name: "Threshold brush", group: "Tools", key: "T" },
  { id: "fill", name: "Outline and fill", group: "Tools", key: "F" },
  { id: "grow", name: "Grow from a click", group: "Tools", key: "G" },
  { id: "sphere", name: "Disc or ball", group: "Tools", key: "D" },
  { id: "smaller", name: "Smaller brush", group: "Tools", key: "[" },
  { id: "larger", name: "Larger brush", group: "Tools", key: "]" },
  { id: "label1", name: "Paint liver", group: "Tools", key: "1" },
  { id: "label2", name: "Paint lesion", group: "Tools", key: "2" },
  { id: "inside", name: "Only inside the liver", group: "Tools", key: "L" },
  { id: "dab", name: "Use the tool at the crosshair", group: "Editing", key: "Enter" },
  { id: "undo", name: "Undo", group: "Editing", key: "Ctrl+Z" },
  { id: "redo", name: "Redo", group: "Editing", key: "Ctrl+Y" },
  { id: "save", name: "Save now", group: "Editing", key: "S" },
  { id: "overlay", name: "Overlay on or off", group: "Looking", key: "Space" },
  { id: "outline", name: "Outline or area", group: "Looking", key: "O" },
  { id: "hatch", name: "Hatched or plain", group: "Looking", key: "H" },
  { id: "crosshair", name: "Crosshair on or off", group: "Looking", key: "K" },
  { id: "layout", name: "Next layout", group: "Looking", key: "Y" },
  { id: "pane", name: "Next slice direction for the arrow keys", group: "Looking", key: "X" },
  { id: "left", name: "Crosshair left", group: "Looking", key: "ArrowLeft" },
  { id: "right", name: "Crosshair right", group: "Looking", key: "ArrowRight" },
  { id: "up", name: "Crosshair up", group: "Looking", key: "ArrowUp" },
  { id: "down", name: "Crosshair down", group: "Looking", key: "ArrowDown" },
  { id: "forth", name: "Next slice", group: "Looking", key: "PageUp" },
  { id: "back", name: "Previous slice", group: "Looking", key: "PageDown" },
  { id: "closer", name: "Zoom in", group: "Looking", key: "+" },
  { id: "farther", name: "Zoom out", group: "Looking", key: "-" },
  { id: "middle", name: "Middle of the liver", group: "Looking", key: "C" },
  { id: "reset", name: "Reset window, zoom and turn", group: "Looking", key: "R" },
  { id: "next", name: "Next lesion", group: "Lesions", key: "N" },
  { id: "previous", name: "Previous lesion", group: "Lesions", key: "P" },
  { id: "notlesion", name: "Not a lesion: make it liver", group: "Lesions", key: "Delete" },
  { id: "tick", name: "Tick the lesion, to join it", group: "Lesions", key: "M" },
  { id: "join", name: "Join those ticked", group: "Lesions", key: "J" },
  { id: "sheet", name: "This sheet", group: "App", key: "?" },
];

const STORED = "hotkeys";

export const chosen = signal<Readonly<Record<string, string>>>(stored());

export function keyOf(id: string): string {
  return chosen.value[id] ?? COMMANDS.find((command) => command.id === id)?.key ?? "";
}

/** What takes keys for itself: all of them, those that press it, those that slide it. */
const TYPING = "input[type=text], input[type=search], input[type=number], textarea, select, dialog";
const PRESSED = "button, a, summary, input[type=checkbox]";
const SLID = "input[type=range]";
const SLIDES = /^(Arrow|Page|Home|End)/;

/** The command of a key press, or null: while typing, and for keys that have none. */
export function commandOf(event: KeyboardEvent): string | null {
  const target = event.target as HTMLElement | null;
  if (target?.closest(TYPING)) return null;
  const key = nameOf(event);
  if (target?.closest(PRESSED) && (key === "Enter" || key === "Space")) return null;
  if (target?.closest(SLID) && SLIDES.test(key)) return null;
  if (key === "Ctrl+Shift+Z") return "redo";
  return COMMANDS.find((command) => keyOf(command.id) === key)?.id ?? null;
}

/** A press by name, as the sheet shows it: "Ctrl+Z", "B", "?", "Space". */
export function nameOf(event: KeyboardEvent): string {
  const { key } = event;
  if (["Control", "Shift", "Alt", "Meta"].includes(key)) return "";
  const plain = key === " " ? "Space" : key.length === 1 ? key.toUpperCase() : key;
  const ctrl = event.ctrlKey || event.metaKey;
  const shift = event.shiftKey && (ctrl || key.length > 1);
  return `${ctrl ? "Ctrl+" : ""}${event.altKey ? "Alt+" : ""}${shift ? "Shift+" : ""}${plain}`;
}

/** Give a command another key; returns the command that has it already, and changes nothing then. */
export function assign(id: string, key: string): Command | null {
  const taken = COMMANDS.find((command) => command.id !== id && keyOf(command.id) === key);
  if (taken) return taken;
  chosen.value = { ...chosen.value, [id]: key };
  localStorage.setItem(STORED, JSON.stringify(chosen.value));
  return null;
}

export function forgetKeys(): void {
  chosen.value = {};
  localStorage.removeItem(STORED);
}

function stored(): Record<string, string> {
  const text = globalThis.localStorage?.getItem(STORED);
  if (!text) return {};
  try {
    const read: unknown = JSON.parse(text);
    const pairs = Object.entries(read as Record<string, unknown>);
    return Object.fromEntries(pairs.filter((p): p is [string, string] => typeof p[1] === "string"));
  } catch {
    return {}; // Written by another program: the keys as they come.
  }
}
