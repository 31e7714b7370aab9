/** Server-sent events: each job as it changes. Connects again, also after a refusal. */
import type { Job } from "./types";

const AGAIN_MS = 3000;

export function listen(heard: (job: Job) => void, connected: (yes: boolean) => void): void {
  const source = new EventSource("/api/events");
  source.onopen = () => connected(true);
  source.onerror = () => {
    connected(false);
    // The browser tries again while it may; a refused session (401) it gives up for good.
    if (source.readyState === EventSource.CLOSED) {
      setTimeout(() => listen(heard, connected), AGAIN_MS);
    }
  };
  source.addEventListener("job", (event) => {
    heard(JSON.parse((event as MessageEvent<string>).data) as Job);
  });
}
