/** Server-sent events: each job as it changes. The browser connects again by itself. */
import type { Job } from "./types";

export function listen(heard: (job: Job) => void, connected: (yes: boolean) => void): () => void {
  const source = new EventSource("/api/events");
  source.onopen = () => connected(true);
  source.onerror = () => connected(false);
  source.addEventListener("job", (event) => {
    heard(JSON.parse((event as MessageEvent<string>).data) as Job);
  });
  return () => source.close();
}
