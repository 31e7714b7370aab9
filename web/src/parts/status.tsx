import type { CaseStatus } from "../api/types";

const WORDS: Record<CaseStatus, [string, string]> = {
  unchecked: ["○", "Not yet"],
  accepted: ["✓", "Accepted"],
  rejected: ["✕", "Rejected"],
  "second look": ["?", "Second look"],
};

/** A sign and a word, so that it does not hang on the colour. */
export function StatusMark({ status }: { status: CaseStatus }) {
  const [sign, words] = WORDS[status] ?? WORDS.unchecked;
  return (
    <span class="status" data-status={status}>
      <span aria-hidden="true">{sign}</span> {words}
    </span>
  );
}
