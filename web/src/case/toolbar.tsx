import { useEffect, useState } from "preact/hooks";
import { keyOf } from "../app/hotkeys";
import { duration } from "../parts/format";
import { Icon, type IconName } from "../parts/icon";
import { LABEL_NAMES, type Label } from "../volume/labels";
import { brightnessAround } from "./sample";
import type { CaseSession } from "./session";
import { LARGEST_MM, SMALLEST_MM, TOOL_NAMES, type ToolName } from "./tools";
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
      {tool !== "navigate" && tool !== "eraser" && <LabelChoice session={session} />}
      {tools.paints && <BrushSize session={session} />}
      {tool === "threshold" && <Threshold session={session} />}
      {tool === "fill" && <FillSettings session={session} />}
      {tool === "grow" && <GrowSettings session={session} />}
      {tool !== "navigate" && (
        <label class="check">
          <input
            type="checkbox" checked={tools.insideLiver.value}
            onChange={() => (tools.insideLiver.value = !tools.insideLiver.value)}
          />
          Only inside the liver
        </label>
      )}
      {tools.hindrance && <p class="error-text" role="status">{tools.hindrance}</p>}
      <WholeMapTools session={session} />
    </section>
  );
}

function LabelChoice({ session }: { session: CaseSession }) {
  const { label } = session.tools;
  return (
    <div class="row">
      <span class="field">Paints</span>
      <div class="segments" role="group" aria-label="Label to paint">
        {([2, 1] as Label[]).map((value) => (
          <button
            key={value} aria-pressed={label.value === value} onClick={() => (label.value = value)}
          >
            <span class="swatch" data-label={value} aria-hidden="true" /> {LABEL_NAMES[value]}
          </button>
        ))}
      </div>
    </div>
  );
}

function BrushSize({ session }: { session: CaseSession }) {
  const { tools } = session;
  return (
    <>
      <label class="row">
        <span class="field">Size</span>
        <input
          type="range" min={SMALLEST_MM} max={LARGEST_MM} step={1} value={tools.sizeMm.value}
          onInput={(event) => (tools.sizeMm.value = event.currentTarget.valueAsNumber)}
        />
        <output>{tools.sizeMm.value} mm</output>
      </label>
      <div class="row">
        <span class="field">Shape</span>
        <div class="segments" role="group" aria-label="Shape of the brush">
          <button aria-pressed={!tools.ball.value} onClick={() => (tools.ball.value = false)}>
            Disc in the slice
          </button>
          <button aria-pressed={tools.ball.value} onClick={() => (tools.ball.value = true)}>
            Ball
          </button>
        </div>
      </div>
    </>
  );
}

function Threshold({ session }: { session: CaseSession }) {
  const { range } = session.tools;
  const { p1, p99 } = session.info.value.percentiles;
  const step = (p99 - p1) / 200 || 1;
  const digits = step < 0.5 ? 2 : 0;
  const end = (name: "low" | "high", words: string) => (
    <label class="row">
      <span class="field">{words}</span>
      <input
        type="range" min={p1 - 20 * step} max={p99 + 40 * step} step={step} value={range.value[name]}
        onInput={(event) =>
          (range.value = { ...range.value, [name]: event.currentTarget.valueAsNumber })
        }
      />
      <output>{range.value[name].toFixed(digits)}</output>
    </label>
  );
  useEffect(() => {
    if (range.value.low === range.value.high) range.value = { low: p1, high: p99 };
  }, []);
  return (
    <>
      {end("low", "From")}
      {end("high", "To")}
      <button onClick={() => (range.value = brightnessAround(session) ?? range.value)}>
        As around the crosshair
      </button>
    </>
  );
}

function FillSettings({ session }: { session: CaseSession }) {
  const { cuts } = session.tools;
  return (
    <>
      <div class="row">
        <span class="field">Inside</span>
        <div class="segments" role="group" aria-label="What becomes of the inside">
          <button aria-pressed={!cuts.value} onClick={() => (cuts.value = false)}>Fill</button>
          <button aria-pressed={cuts.value} onClick={() => (cuts.value = true)}>Cut out</button>
        </div>
      </div>
      <p class="muted">Draw round it; letting go closes the line.</p>
    </>
  );
}

function GrowSettings({ session }: { session: CaseSession }) {
  const { tolerance, reachMm } = session.tools;
  return (
    <>
      <p class="muted">Click into what should get the label; it grows as far as it is as bright.</p>
      <label class="row">
        <span class="field">Tolerance</span>
        <input
          type="range" min={0.02} max={0.4} step={0.01} value={tolerance.value}
          onInput={(event) => (tolerance.value = event.currentTarget.valueAsNumber)}
        />
        <output>{Math.round(100 * tolerance.value)} %</output>
      </label>
      <label class="row">
        <span class="field">At most</span>
        <input
          type="range" min={5} max={100} step={1} value={reachMm.value}
          onInput={(event) => (reachMm.value = event.currentTarget.valueAsNumber)}
        />
        <output>{reachMm.value} mm</output>
      </label>
    </>
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
