/** Server-sent events: each job as it changes. Connects again, also after a refusal. */
import type { Job } from "./types";

const AGAIN_MS = 3000;

/** `unknown` is a server that answers, but not to this session: it was started again. */
export type Connection = "open" | "lost" | "unknown";

export function listen(heard: (job: Job) => void, told: (connection: Connection) => void): void {
  const source = new EventSource("/api/events");
  source.onopen = () => told("open");
  source.onerror = () => {
    // The browser tries again while it may; a refused session (401) it gives up for good, and does
    // not say that it was one.
    if (source.readyState !== EventSource.CLOSED) return told("lost");
    setTimeout(() => listen(heard, told), AGAIN_MS);
    void fetch("/api/session").then(
      ({ status }) => told(status === 401 ? "unknown" : "lost"),
      () => told("lost"),
    );
  };
  source.addEventListener("job", (event) => {
    heard(JSON.parse((event as MessageEvent<string>).data) as Job);
  });
}
