/** What every screen shares: session, jobs, route, theme, and what went wrong last. */
import { computed, signal } from "@preact/signals";
import { api, Refusal } from "../api/client";
import { listen, type Connection } from "../api/events";
import type { Job, Session } from "../api/types";

export type Route =
  | { screen: "worklist" }
  | { screen: "case" | "correct" | "export"; id: string };

export interface Problem {
  readonly message: string;
  readonly hint: string | null;
}

export const session = signal<Session | null>(null);
export const jobs = signal<ReadonlyMap<string, Job>>(new Map());
export const connection = signal<Connection>("open");
export const route = signal<Route>(routeOf(location.hash));
export const problem = signal<Problem | null>(null);
/** Said to screen readers as it changes, without taking the focus. */
export const announcement = signal("");
export const theme = signal<"dark" | "light">(
  localStorage.getItem("theme") === "light" ? "light" : "dark",
);
export const sheetOpen = signal(false);
export const aboutOpen = signal(false);

/** Newest first. */
export const jobList = computed(() =>
  [...jobs.value.values()].sort((a, b) => b.created.localeCompare(a.created)),
);

/** Asked before leaving a screen; false keeps the user there. */
let mayLeave: () => Promise<boolean> = async () => true;
export function guardLeaving(ask: () => Promise<boolean>): () => void {
  mayLeave = ask;
  return () => (mayLeave = async () => true);
}

export function start(): void {
  document.documentElement.dataset.theme = theme.value;
  window.addEventListener("hashchange", () => void moved());
  listen(heard, (now) => {
    if (now === "open" && connection.value !== "open") void refresh();
    connection.value = now;
  });
  void refresh();
}

export async function refresh(): Promise<void> {
  await attempt(async () => {
    const [said, list] = await Promise.all([api.session(), api.jobs()]);
    session.value = said;
    jobs.value = new Map(list.map((job) => [job.id, job]));
  });
}

export function heard(job: Job): void {
  const before = jobs.value.get(job.id);
  if (before && before.state !== job.state) announcement.value = `${job.name}: ${job.state}.`;
  jobs.value = new Map(jobs.value).set(job.id, job);
}

export function dropJob(id: string): void {
  const rest = new Map(jobs.value);
  rest.delete(id);
  jobs.value = rest;
}

export function go(to: Route): void {
  location.hash = to.screen === "worklist" ? "#/" : `#/${to.screen}/${encodeURIComponent(to.id)}`;
}

export function setTheme(name: "dark" | "light"): void {
  theme.value = name;
  localStorage.setItem("theme", name);
  document.documentElement.dataset.theme = name;
}

/** Run; what is refused is shown in the server's words. Returns whether it went well. */
export async function attempt(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    problem.value = problemOf(error);
    return false;
  }
}

export function problemOf(error: unknown): Problem {
  if (error instanceof Refusal) return { message: error.message, hint: error.hint };
  return { message: error instanceof Error ? error.message : String(error), hint: null };
}

async function moved(): Promise<void> {
  const next = routeOf(location.hash);
  const now = route.value;
  const sameCase = "id" in next && "id" in now && next.id === now.id;
  const stays = sameCase && next.screen !== "export" && now.screen !== "export";
  if (!stays && !(await mayLeave())) {
    history.replaceState(null, "", now.screen === "worklist" ? "#/" : `#/${now.screen}/${now.id}`);
    return;
  }
  problem.value = null;
  route.value = next;
}

function routeOf(hash: string): Route {
  const [, screen, id] = /^#\/(case|correct|export)\/(.+)$/.exec(hash) ?? [];
  if (!screen) return { screen: "worklist" };
  return { screen: screen as "case", id: decodeURIComponent(id) };
}
