import { api } from "../api/client";
import { stateOf, type Job, type Series } from "../api/types";
import { attempt, dropJob, go } from "../app/state";
import { clockTime, DASH, duration, number } from "../parts/format";
import { Icon } from "../parts/icon";
import { StatusMark } from "../parts/status";

export function JobTable({ jobs }: { jobs: readonly Job[] }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Cases">
      <table class="jobs">
        <thead>
          <tr>
            <th scope="col">Case</th>
            <th scope="col">State</th>
            <th scope="col" class="num">Liver <small>ml</small></th>
            <th scope="col" class="num">Lesions</th>
            <th scope="col" class="num">Tumour <small>ml</small></th>
            <th scope="col" class="num">Burden <small>%</small></th>
            <th scope="col">Checked</th>
            <th scope="col" class="num">Time spent <small>min</small></th>
            <th scope="col"><span class="unseen">Actions</span></th>
          </tr>
        </thead>
        <tbody>{jobs.map((job) => <Row key={job.id} job={job} />)}</tbody>
      </table>
    </div>
  );
}

function Row({ job }: { job: Job }) {
  const { result } = job;
  const open = () => go({ screen: "case", id: job.id });
  return (
    <tr data-state={stateOf(job)} data-job={job.id}>
      <th scope="row">
        {job.state === "done" ? (
          <a href={`#/case/${encodeURIComponent(job.id)}`} class="case-name">{job.name}</a>
        ) : (
          <span class="case-name">{job.name}</span>
        )}
        <span class="muted when">{clockTime(job.created)}</span>
        {job.from && <span class="muted from" title={job.from}>{ending(job.from)}</span>}
      </th>
      <td class="state"><State job={job} /></td>
      <td class="num">{number(result?.liver_ml, 0)}</td>
      <td class="num">{result?.lesion_count ?? DASH}</td>
      <td class="num">{number(result?.tumour_ml, 1)}</td>
      <td class="num">{number(result?.burden_percent, 1)}</td>
      <td>{result ? <StatusMark status={result.status} /> : DASH}</td>
      <td class="num">{result?.corrected ? number(result.minutes, 1) : DASH}</td>
      <td class="actions">
        {job.state === "done" && <button onClick={open}>Open</button>}
        {(job.state === "queued" || job.state === "running") && (
          <button onClick={() => attempt(async () => void (await api.cancel(job.id)))}>
            <Icon name="stop" /> Cancel
          </button>
        )}
        {(stateOf(job) === "failed" || job.state === "cancelled") && (
          <button onClick={() => attempt(async () => void (await api.retry(job.id)))}>
            <Icon name="refresh" /> Retry
          </button>
        )}
        {job.state !== "running" && (
          <button class="icon" aria-label={`Remove ${job.name}`} title="Remove" onClick={() => remove(job)}>
            <Icon name="bin" />
          </button>
        )}
      </td>
    </tr>
  );
}

/** The last two folders of a path, which tell namesakes apart. */
function ending(path: string): string {
  const parts = path.split(/[/\\]/).filter(Boolean);
  return (parts.length > 2 ? "…/" : "") + parts.slice(-2).join("/");
}

function remove(job: Job): void {
  const words = job.result?.corrected
    ? `Remove ${job.name}, with its correction? The file that it came from stays.`
    : `Remove ${job.name} from the worklist? The file that it came from stays.`;
  if (!window.confirm(words)) return;
  void attempt(async () => {
    await api.remove(job.id);
    dropJob(job.id);
  });
}

function State({ job }: { job: Job }) {
  switch (stateOf(job)) {
    case "queued":
      return <span class="muted">Waiting</span>;
    case "running":
      return <Progress job={job} />;
    case "cancelled":
      return <span class="muted">Cancelled</span>;
    case "asks":
      return <Choice job={job} />;
    case "failed":
      return (
        <div class="failure">
          <strong>{job.error?.error ?? "Failed."}</strong> {job.error?.hint}
        </div>
      );
    case "done":
      return (
        <span>
          Done <span class="muted">in {duration(job.seconds)}</span>
          {job.result && job.result.warnings.length > 0 && (
            <details class="warnings">
              <summary>{job.result.warnings.length === 1 ? "1 warning" : `${job.result.warnings.length} warnings`}</summary>
              <ul>{job.result.warnings.map((warning) => <li key={warning}>{warning}</li>)}</ul>
            </details>
          )}
        </span>
      );
  }
}

/** The server's steps in people's words. */
const STEPS: Record<string, string> = {
  read: "Reading the image",
  "stage 1": "Finding the liver",
  "stage 2": "Finding lesions",
  clean: "Cleaning up",
  measure: "Measuring",
  write: "Writing",
  page: "Drawing the report",
};

function Progress({ job }: { job: Job }) {
  const at = job.step === null ? -1 : job.steps.indexOf(job.step);
  const words =
    job.step === null
      ? "Starting"
      : `${STEPS[job.step] ?? job.step} (${at + 1} of ${job.steps.length})`;
  return (
    <div class="progress">
      <span>
        {words}
        {job.seconds_left !== null && <span class="muted">, {duration(job.seconds_left)} left</span>}
      </span>
      <progress max={1} value={job.fraction} aria-label={`${job.name}: ${words}`} />
    </div>
  );
}

/** Several series would do: nothing is wrong, a person chooses. */
function Choice({ job }: { job: Job }) {
  return (
    <div class="choice">
      <strong>Which series?</strong> <span class="muted">{job.error?.error}</span>
      <ul class="choices" aria-label="Series">
        {job.error?.choices?.map((choice) => {
          const [id, words] = seriesOf(choice);
          return (
            <li key={id}>
              <button onClick={() => attempt(async () => void (await api.retry(job.id, id)))}>{words}</button>
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function seriesOf(choice: string | Series): [string, string] {
  if (typeof choice === "string") return [choice, choice];
  const id = String(choice.id ?? choice.uid ?? choice.name ?? "");
  return [id, String(choice.description ?? choice.name ?? id)];
}
