import { CaseScreen } from "../case/screen";
import { ExportScreen } from "../export/screen";
import { Worklist } from "../worklist/screen";
import { About } from "./about";
import { Header } from "./header";
import { HotkeySheet } from "./sheet";
import { aboutOpen, announcement, connection, problem, route, session, sheetOpen } from "./state";

const NOTICE = "Research use only. Not for diagnosis, treatment or surgical decisions.";

const LOST = {
  lost: "Hepatica's server does not answer. What you see is kept; the window connects again by itself once it is back at this address (--port keeps it the same).",
  unknown:
    "Hepatica was started again and asks for its new address. Open the one that it printed, in another tab; then this window goes on, with all that you see.",
};

export function App() {
  const at = route.value;
  return (
    <div class="shell">
      <a class="skip" href="#main" onClick={toMain}>Skip to the content</a>
      <Header />
      {connection.value !== "open" && (
        <p class="strip warning" role="status">{LOST[connection.value]}</p>
      )}
      {problem.value && <ProblemStrip />}
      <main id="main" tabIndex={-1}>
        {at.screen === "worklist" && <Worklist />}
        {(at.screen === "case" || at.screen === "correct") && (
          <CaseScreen key={at.id} id={at.id} correcting={at.screen === "correct"} />
        )}
        {at.screen === "export" && <ExportScreen key={at.id} id={at.id} />}
      </main>
      <footer class="notice">
        <strong>{session.value?.notice ?? NOTICE}</strong>
        {session.value && (
          <button class="link" onClick={() => (aboutOpen.value = true)}>
            Model: {session.value.bundle?.name ?? "none"}
          </button>
        )}
      </footer>
      <p class="unseen" role="status" aria-live="polite">{announcement.value}</p>
      {sheetOpen.value && <HotkeySheet />}
      {aboutOpen.value && <About />}
    </div>
  );
}

function ProblemStrip() {
  const { message, hint } = problem.value!;
  return (
    <div class="strip error" role="alert">
      <span>
        <strong>{message}</strong> {hint}
      </span>
      <button class="quiet" onClick={() => (problem.value = null)}>Dismiss</button>
    </div>
  );
}

function toMain(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}
