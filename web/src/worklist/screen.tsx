import { useMemo, useState } from "preact/hooks";
import { jobList } from "../app/state";
import { stateOf, type Job } from "../api/types";
import { AddCases } from "./add";
import { JobTable } from "./table";

const FILTERS: { name: string; states: ReturnType<typeof stateOf>[] | null; checked?: boolean }[] = [
  { name: "All", states: null },
  { name: "Waiting", states: ["queued", "running", "asks"] },
  { name: "To check", states: ["done"], checked: false },
  { name: "Checked", states: ["done"], checked: true },
  { name: "Failed", states: ["failed", "cancelled"] },
];

function fits(job: Job, filter: (typeof FILTERS)[number]): boolean {
  if (filter.states && !filter.states.includes(stateOf(job))) return false;
  if (filter.checked === undefined) return true;
  const open = job.result?.status === "unchecked" || job.result?.status === "second look";
  return filter.checked !== open;
}

export function Worklist() {
  const all = jobList.value;
  const [search, setSearch] = useState("");
  const [filter, setFilter] = useState(0);
  const shown = useMemo(
    () =>
      all.filter(
        (job) =>
          fits(job, FILTERS[filter]) && `${job.name} ${job.from}`.toLowerCase().includes(search.trim().toLowerCase()),
      ),
    [all, search, filter],
  );
  return (
    <div class="worklist">
      <h1 class="unseen">Worklist</h1>
      <AddCases small={all.length > 0} />
      {all.length === 0 ? (
        <p class="empty">
          No cases yet. Drop a volume above: the label map, the numbers and the 3D model follow.
          Nothing leaves this machine.
        </p>
      ) : (
        <>
          <div class="filters">
            <div class="segments" role="group" aria-label="Which cases">
              {FILTERS.map((f, n) => (
                <button key={f.name} aria-pressed={n === filter} onClick={() => setFilter(n)}>
                  {f.name} <span class="count">{all.filter((job) => fits(job, f)).length}</span>
                </button>
              ))}
            </div>
            <input
              type="search" placeholder="Search by name" aria-label="Search by name" value={search}
              onInput={(event) => setSearch(event.currentTarget.value)}
            />
          </div>
          {shown.length === 0 ? (
            <p class="empty">No case fits. Clear the search, or choose “All”.</p>
          ) : (
            <JobTable jobs={shown} />
          )}
        </>
      )}
    </div>
  );
}
