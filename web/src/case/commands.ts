/** What each keyboard command does to an open case. */
import { announcement, sheetOpen } from "../app/state";
import type { SliceName } from "../viewer/niivue";
import { PARENCHYMA, type Label } from "../volume/labels";
import type { Layout } from "./display";
import { Pointer } from "./pointer";
import type { CaseSession } from "./session";
import { TOOL_NAMES, type ToolName } from "./tools";

const LAYOUTS: Layout[] = ["four", "axial", "coronal", "sagittal", "3d"];
const SLICES: SliceName[] = ["axial", "coronal", "sagittal"];
const ARROWS: Record<string, [number, number]> = {
  left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1],
};
const EDITING = new Set([
  "navigate", "brush", "eraser", "threshold", "fill", "grow", "sphere", "smaller", "larger", "label1",
  "label2", "inside", "dab", "undo", "redo", "save", "tick", "join", "notlesion",
]);

/** Returns false where the command means nothing here. */
export function run(id: string, session: CaseSession, correcting: boolean): boolean {
  if (EDITING.has(id) && !correcting) return false;
  const { display, tools } = session;
  if (id in TOOL_NAMES) {
    tools.tool.value = id as ToolName;
    announcement.value = TOOL_NAMES[id as ToolName];
    return true;
  }
  if (id in ARROWS) {
    display.viewer?.nudge(display.pane.value, ...ARROWS[id]);
    return true;
  }
  switch (id) {
    case "sphere":
      tools.ball.value = !tools.ball.value;
      announcement.value = tools.ball.value ? "Ball" : "Disc";
      return true;
    case "smaller":
    case "larger":
      tools.resize(id === "larger" ? 1 : -1);
      announcement.value = `${tools.sizeMm.value} millimetres`;
      return true;
    case "label1":
    case "label2":
      tools.label.value = Number(id.slice(-1)) as Label;
      return true;
    case "inside":
      tools.toggleInside();
      announcement.value = tools.insideLiver ? "Only inside the liver" : "Anywhere";
      return true;
    case "dab":
      new Pointer(session).atCrosshair();
      return true;
    case "undo":
      session.undo();
      return true;
    case "redo":
      session.redo();
      return true;
    case "save":
      void session.autosave.flush().then((saved) => saved && (announcement.value = "Saved."));
      return true;
    case "overlay":
      display.toggleOverlay();
      return true;
    case "outline":
      display.toggleOutline();
      return true;
    case "hatch":
      display.toggleHatch();
      announcement.value = display.hatched.value ? "Lesions are hatched" : "Not hatched";
      return true;
    case "crosshair":
      display.toggleCrosshair();
      announcement.value = display.crosshair.value ? "Crosshair shown" : "Crosshair hidden";
      return true;
    case "layout":
      display.setLayout(LAYOUTS[(LAYOUTS.indexOf(display.layout.value) + 1) % LAYOUTS.length]);
      return true;
    case "pane":
      display.pane.value = SLICES[(SLICES.indexOf(display.pane.value) + 1) % SLICES.length];
      announcement.value = display.pane.value;
      return true;
    case "forth":
    case "back":
      display.viewer?.step(display.pane.value, id === "forth" ? 1 : -1);
      return true;
    case "closer":
    case "farther":
      display.viewer?.zoom(id === "closer" ? 1.2 : 1 / 1.2);
      return true;
    case "middle":
      display.showLiver();
      return true;
    case "reset":
      display.reset();
      return true;
    case "next":
    case "previous":
      session.lesions.walk(id === "next" ? 1 : -1);
      return true;
    case "tick":
      session.lesions.tick();
      return true;
    case "join":
      session.lesions.join();
      return true;
    case "notlesion":
      session.lesions.relabel(PARENCHYMA);
      return true;
    case "sheet":
      sheetOpen.value = !sheetOpen.value;
      return true;
    default:
      return false;
  }
}
