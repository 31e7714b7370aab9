import { useEffect, useState } from "preact/hooks";
import { keyOf } from "../app/hotkeys";
import { duration } from "../parts/format";
import { Icon, type IconName } from "../parts/icon";
import type { CaseSession } from "./session";
import { BrushSize, FillSettings, GrowSettings, LabelChoice, Threshold } from "./settings";
import { TOOL_NAMES, type ToolName } from "./tools";
import { WholeMapTools } from "./wholemap";

const TOOLS: [ToolName, IconName][] = [
  ["navigate", "navigate"], ["brush", "brush"], ["eraser", "eraser"],
  ["threshold", "threshold"], ["fill", "fill"], ["grow", "grow"],
];

export function ToolBar({ session }: { session: CaseSession }) {
  const { tools } = session;
  return (
    <div class="tools" role="toolbar" aria-label="Tools" aria-orientation="vertical">
      {TOOLS.map(([tool, icon]) => (
        <button
          key={tool} class="tool" aria-pressed={tools.tool.value === tool}
          aria-label={TOOL_NAMES[tool]} title={`${TOOL_NAMES[tool]} (${keyOf(tool)})`}
          onClick={() => (tools.tool.value = tool)}
        >
          <Icon name={icon} />
          <kbd aria-hidden="true">{keyOf(tool)}</kbd>
        </button>
      ))}
      <hr />
      <button
        class="tool" aria-label="Undo" title={`Undo (${keyOf("undo")})`}
        disabled={session.undoable.value === 0} onClick={() => session.undo()}
      >
        <Icon name="undo" />
      </button>
      <button
        class="tool" aria-label="Redo" title={`Redo (${keyOf("redo")})`}
        disabled={session.redoable.value === 0} onClick={() => session.redo()}
      >
        <Icon name="redo" />
      </button>
    </div>
  );
}

/** Settings of the tool in hand. */
export function ToolPanel({ session }: { session: CaseSession }) {
  const { tools } = session;
  const tool = tools.tool.value;
  return (
    <section class="card tool-card" aria-labelledby="tool-title">
      <header>
        <h2 id="tool-title">{TOOL_NAMES[tool]}</h2>
        {session.busy.value && <span class="muted" role="status">{session.busy.value}…</span>}
      </header>
      {tool === "navigate" && (
        <p class="muted">Drag moves the crosshair. Choose a tool on the left, or press its key.</p>
      )}
      {tool !== "navigate" && <LabelChoice session={session} />}
      {tools.paints && <BrushSize session={session} />}
      {tool === "threshold" && <Threshold session={session} />}
      {tool === "fill" && <FillSettings session={session} />}
      {tool === "grow" && <GrowSettings session={session} />}
      {tool !== "navigate" && (
        <label class="check">
          <input
            type="checkbox" checked={tools.insideLiver} onChange={() => tools.toggleInside()}
          />
          Only inside the liver
        </label>
      )}
      {tools.hindrance && <p class="error-text" role="status">{tools.hindrance}</p>}
      {session.done.value && (
        <p class="muted row">
          {session.done.value}
          {session.undoable.value > 0 && (
            <button class="quiet end" onClick={() => session.undo()}>Undo</button>
          )}
        </p>
      )}
      <WholeMapTools session={session} />
    </section>
  );
}

const SAVE_WORDS = {
  saved: "Saved", unsaved: "Not saved yet", saving: "Saving…",
  unreachable: "Not saved: trying again", conflict: "Saved in another window",
};

/** Above the panes: whether it is saved, and the time that has gone into it. */
export function SaveBar({ session }: { session: CaseSession }) {
  const state = session.saveState.value;
  const untouched = !session.corrected.value;
  return (
    <div class="savebar">
      <span class="save" data-state={untouched ? "untouched" : state} role="status">
        {untouched ? "As the AI made it" : SAVE_WORDS[state]}
        {state === "unreachable" && <span> {session.saveMessage.value}</span>}
      </span>
      <ActiveTime session={session} />
      <span class="end">
        <button class="quiet" disabled={untouched} onClick={() => session.startAgain()}>
          Start again from the AI
        </button>
        <button disabled={state === "saved"} onClick={() => session.autosave.flush()}>
          Save now
        </button>
      </span>
    </div>
  );
}

function ActiveTime({ session }: { session: CaseSession }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  const { clock } = session;
  const before = session.info.value.record?.active_seconds ?? 0;
  return (
    <span class="muted" title="Time at work; stands still after 30 s without a movement">
      {duration(before + clock.seconds)} at work{clock.running ? "" : " (paused)"}
    </span>
  );
}
