import { useEffect, useState } from "preact/hooks";
import { commandOf } from "../app/hotkeys";
import { guardLeaving, problemOf, sheetOpen, type Problem } from "../app/state";
import { run } from "./commands";
import { ComparePanel } from "./compare";
import { DecisionPanel, NotesPanel } from "./decision";
import { ConflictDialog, QuestionDialog, RecoveryDialog } from "./dialogs";
import { LesionPanel } from "./lesions";
import { LookPanel } from "./look";
import { Panes } from "./panes";
import { CaseSession } from "./session";
import { SaveBar, ToolBar, ToolPanel } from "./toolbar";

/** Looking at a case, and correcting it: the same panes, another frame around them. */
export function CaseScreen({ id, correcting }: { id: string; correcting: boolean }) {
  const [session, setSession] = useState<CaseSession | null>(null);
  const [wrong, setWrong] = useState<Problem | null>(null);
  useEffect(() => {
    let opened: CaseSession | null = null;
    let gone = false;
    CaseSession.open(id).then(
      (found) => {
        opened = found;
        if (gone) found.close();
        else setSession(found);
      },
      (error: unknown) => setWrong(problemOf(error)),
    );
    return () => {
      gone = true;
      opened?.close();
    };
  }, [id]);
  if (wrong) {
    return (
      <div class="empty" role="alert">
        <h1>This case cannot be shown</h1>
        <p><strong>{wrong.message}</strong> {wrong.hint}</p>
        <p><a href="#/">Back to the worklist</a></p>
      </div>
    );
  }
  if (!session) {
    return (
      <div class="empty">
        <h1 class="unseen">Case</h1>
        <p role="status">Opening the case…</p>
      </div>
    );
  }
  return <Open session={session} correcting={correcting} />;
}

function Open({ session, correcting }: { session: CaseSession; correcting: boolean }) {
  useLeaving(session);
  useClock(session, correcting);
  useKeys(session, correcting);
  useEffect(() => {
    if (correcting) void session.display.choose("corrected");
  }, [correcting]);
  const { name, warnings } = session.info.value;
  const problem = session.problem.value;
  useFocus(session, correcting);
  return (
    <div class={`case${correcting ? " correcting" : ""}`}>
      <h1 class="unseen">{correcting ? `Correct ${name}` : name}</h1>
      {correcting && <ToolBar session={session} />}
      <section class="stage" aria-label="Images">
        {correcting && <SaveBar session={session} />}
        {problem && (
          <div class="strip error" role="alert">
            <span><strong>{problem.message}</strong> {problem.hint}</span>
            <button class="quiet" onClick={() => (session.problem.value = null)}>Dismiss</button>
          </div>
        )}
        {warnings.length > 0 && (
          <div class="strip warning" role="note">
            <span>
              {session.display.which.value !== "ai" && <strong>Of the AI's map: </strong>}
              {warnings.join(" ")}
            </span>
          </div>
        )}
        <Panes session={session} correcting={correcting} />
      </section>
      <aside class="side" aria-label={correcting ? "Tool and lesions" : "Case"}>
        {correcting && <ToolPanel session={session} />}
        <LesionPanel session={session} editable={correcting} />
        <LookPanel session={session} correcting={correcting} />
        {!correcting && <ComparePanel session={session} />}
        <DecisionPanel session={session} />
        {!correcting && <NotesPanel session={session} />}
      </aside>
      {session.saveState.value === "conflict" && <ConflictDialog session={session} />}
      {session.question.value && <QuestionDialog session={session} />}
      {session.recovery.value && <RecoveryDialog session={session} />}
    </div>
  );
}

/** What is unsaved is saved before the screen changes, and asked about before the window closes. */
function useLeaving(session: CaseSession): void {
  useEffect(() => {
    const stop = guardLeaving(async () => {
      session.editor.end();
      return (
        (await session.autosave.flush()) ||
        window.confirm("The last edits could not be saved. Leave without them?")
      );
    });
    const unload = (event: BeforeUnloadEvent) => {
      if (session.autosave.unsaved) event.preventDefault();
    };
    window.addEventListener("beforeunload", unload);
    return () => {
      stop();
      window.removeEventListener("beforeunload", unload);
    };
  }, [session]);
}

/** Only the time at the Correct screen counts as correcting. */
function useClock(session: CaseSession, correcting: boolean): void {
  useEffect(() => {
    if (!correcting) return;
    const { clock } = session;
    const touch = () => clock.touch();
    const seen = () => (document.hidden ? clock.hide() : clock.show());
    const events = ["pointermove", "pointerdown", "keydown", "wheel"] as const;
    events.forEach((name) => window.addEventListener(name, touch, { passive: true }));
    document.addEventListener("visibilitychange", seen);
    seen();
    return () => {
      events.forEach((name) => window.removeEventListener(name, touch));
      document.removeEventListener("visibilitychange", seen);
      clock.hide();
    };
  }, [session, correcting]);
}

/** The slices have the keys, so that a tool's key and Enter do not press what led here. */
function useFocus(session: CaseSession, correcting: boolean): void {
  const ready = session.display.ready.value;
  useEffect(() => {
    if (ready && !document.querySelector("dialog[open]")) session.display.focus();
  }, [session, correcting, ready]);
}

function useKeys(session: CaseSession, correcting: boolean): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const id = commandOf(event);
      if (!id || (sheetOpen.value && id !== "sheet")) return;
      if (run(id, session, correcting)) event.preventDefault();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [session, correcting]);
}
