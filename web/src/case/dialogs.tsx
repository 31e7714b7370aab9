import { Dialog } from "../parts/dialog";
import { clockTime } from "../parts/format";
import type { CaseSession } from "./session";

/** Two windows, one case: a person chooses, and neither choice loses a voxel for good. */
export function ConflictDialog({ session }: { session: CaseSession }) {
  return (
    <Dialog title="This case was saved in another window">
      <p>{session.saveMessage.value}</p>
      <p class="muted">
        Yours is kept in this window. If you take theirs, one undo brings yours back.
      </p>
      <footer class="dialog-end">
        <button onClick={() => session.keepMine()}>Keep mine: replace what they saved</button>
        <button onClick={() => session.takeTheirs()}>Take theirs</button>
      </footer>
    </Dialog>
  );
}

/** What takes much away is asked about first, though one undo brings it back. */
export function QuestionDialog({ session }: { session: CaseSession }) {
  const { title, words, yes, then } = session.question.value!;
  const close = () => (session.question.value = null);
  return (
    <Dialog title={title} close={close}>
      <p>{words}</p>
      <p class="muted">It is one edit: undo brings it back while the case is open.</p>
      <footer class="dialog-end">
        <button onClick={close}>Leave it</button>
        <button
          onClick={() => {
            close();
            then();
          }}
        >
          {yes}
        </button>
      </footer>
    </Dialog>
  );
}

/** Edits that a crash left in the browser. */
export function RecoveryDialog({ session }: { session: CaseSession }) {
  const found = session.recovery.value!;
  const behind = session.info.value.revision !== found.revision;
  return (
    <Dialog title="Edits that were not saved">
      <p>
        This browser kept edits of {clockTime(found.time)} that never reached the server.
        {behind && " The case has been saved since, from elsewhere; restoring replaces that."}
      </p>
      <p class="muted">Restoring is one edit: undo takes it back.</p>
      <footer class="dialog-end">
        <button onClick={() => session.dropRecovery()}>Forget them</button>
        <button class="primary" onClick={() => session.restore()}>Restore</button>
      </footer>
    </Dialog>
  );
}
