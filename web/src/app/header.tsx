import { useState } from "preact/hooks";
import { api } from "../api/client";
import { Icon } from "../parts/icon";
import { attempt, go, jobs, route, session, setTheme, sheetOpen, theme } from "./state";

export function Header() {
  const at = route.value;
  const id = "id" in at ? at.id : null;
  const name = id === null ? null : (jobs.value.get(id)?.name ?? "Case");
  return (
    <header class="bar">
      <a class="brand" href="#/" aria-label="Hepatica: worklist">
        <Icon name="liver" />
        <span>Hepatica</span>
      </a>
      <nav aria-label="Screens">
        <a href="#/" aria-current={at.screen === "worklist" ? "page" : undefined}>Worklist</a>
        {id !== null && (
          <>
            <span class="crumb" title={name ?? ""}>{name}</span>
            {(["case", "correct", "export"] as const).map((screen) => (
              <a
                key={screen}
                href={`#/${screen}/${encodeURIComponent(id)}`}
                aria-current={at.screen === screen ? "page" : undefined}
                onClick={(event) => {
                  event.preventDefault();
                  go({ screen, id });
                }}
              >
                {{ case: "Case", correct: "Correct", export: "Export" }[screen]}
              </a>
            ))}
          </>
        )}
      </nav>
      <div class="bar-end">
        <Initials />
        <button
          class="icon" aria-label={theme.value === "dark" ? "Light theme" : "Dark theme"}
          title={theme.value === "dark" ? "Light theme" : "Dark theme"}
          onClick={() => setTheme(theme.value === "dark" ? "light" : "dark")}
        >
          <Icon name={theme.value === "dark" ? "sun" : "moon"} />
        </button>
        <button
          class="icon" aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)"
          onClick={() => (sheetOpen.value = true)}
        >
          <Icon name="keyboard" />
        </button>
      </div>
    </header>
  );
}

/** The user's initials, for the record of corrections; empty is fine. */
function Initials() {
  const said = session.value;
  const [typed, setTyped] = useState<string | null>(null);
  if (!said) return null;
  const save = () => {
    const user = (typed ?? "").trim().slice(0, 8) || null;
    if (typed === null || user === said.user) return;
    void attempt(async () => {
      await api.setUser(user);
      session.value = { ...said, user };
    });
  };
  return (
    <label class="initials">
      <span>Initials</span>
      <input
        type="text" maxLength={8} size={4} autocomplete="off" placeholder="none"
        value={typed ?? said.user ?? ""}
        onInput={(event) => setTyped(event.currentTarget.value)}
        onBlur={save}
        onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()}
      />
    </label>
  );
}
