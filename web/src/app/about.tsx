import { Dialog } from "../parts/dialog";
import { aboutOpen, session } from "./state";

/** Which model looks, and what its card says of it. */
export function About() {
  const said = session.value;
  if (!said) return null;
  const { bundle, engine, version } = said;
  return (
    <Dialog title="The model and its card" wide close={() => (aboutOpen.value = false)}>
      <dl class="facts">
        <dt>Hepatica</dt>
        <dd>{version}</dd>
        {bundle && [<dt>model</dt>, <dd>{bundle.name}, SHA-256 {bundle.sha256}</dd>]}
        {engine && [
          <dt>engine</dt>, <dd>{Object.values(engine).filter(Boolean).map(String).join(", ")}</dd>,
        ]}
      </dl>
      {bundle && <pre class="card-text">{bundle.card}</pre>}
    </Dialog>
  );
}
