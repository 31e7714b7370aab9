import { useState } from "preact/hooks";
import { Dialog } from "../parts/dialog";
import { assign, chosen, COMMANDS, forgetKeys, keyOf, nameOf } from "./hotkeys";
import { sheetOpen } from "./state";

const MOUSE: [string, string][] = [
  ["Drag", "move the crosshair, or use the tool"],
  ["Right drag", "window: across is width, up and down is level"],
  ["Shift or middle drag", "move the slice"],
  ["Wheel", "go through slices"],
  ["Ctrl + wheel", "zoom"],
  ["Alt + wheel", "size of the brush"],
];

/** All keys; a press on one asks for another. */
export function HotkeySheet() {
  const [asking, setAsking] = useState<string | null>(null);
  const [taken, setTaken] = useState("");
  const press = (id: string) => (event: KeyboardEvent) => {
    if (asking !== id || event.key === "Tab") return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Escape") return setAsking(null);
    const key = nameOf(event);
    if (!key) return;
    const other = assign(id, key);
    setTaken(other ? `${key} is "${other.name}" already.` : "");
    setAsking(null);
  };
  const groups = [...new Set(COMMANDS.map((command) => command.group))];
  return (
    <Dialog title="Keyboard and mouse" wide close={() => (sheetOpen.value = false)}>
      <p class="muted">Press a key's button, then the key that you want instead.</p>
      <p class="error-text" role="status">{taken}</p>
      <div class="sheet">
        {groups.map((group) => (
          <section key={group}>
            <h3>{group}</h3>
            <ul>
              {COMMANDS.filter((command) => command.group === group).map(({ id, name }) => (
                <li key={id}>
                  <span>{name}</span>
                  <button
                    class="key" aria-label={`${name}: ${keyOf(id)}. Change the key`}
                    onClick={() => setAsking(id)} onKeyDown={press(id)} onBlur={() => setAsking(null)}
                  >
                    {asking === id ? "press…" : keyOf(id).replace("Arrow", "")}
                  </button>
                </li>
              ))}
            </ul>
          </section>
        ))}
        <section>
          <h3>Mouse</h3>
          <ul>
            {MOUSE.map(([what, does]) => (
              <li key={what}>
                <span>{does}</span>
                <span class="key still">{what}</span>
              </li>
            ))}
          </ul>
        </section>
      </div>
      {Object.keys(chosen.value).length > 0 && (
        <button onClick={forgetKeys}>Keys as they came</button>
      )}
    </Dialog>
  );
}
