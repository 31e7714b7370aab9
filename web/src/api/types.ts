/** What the server says, word for word; see docs/app.md and /api/openapi.json. */
import type { CorrectionRecord } from "../record/log";
import type { Vector } from "../volume/grid";

export type JobState = "queued" | "running" | "done" | "failed" | "cancelled";
export type CaseStatus = "unchecked" | "accepted" | "rejected" | "second look";
export type Which = "ai" | "corrected" | "reference";

export interface JobResult {
  liver_ml: number | null;
  lesion_count: number | null;
  tumour_ml: number | null;
  burden_percent: number | null;
  warnings: string[];
  status: CaseStatus;
  corrected: boolean;
  minutes: number | null;
}

export interface Series {
  id?: string;
  uid?: string;
  name?: string;
  description?: string;
  [key: string]: unknown;
}

export interface JobError {
  error: string;
  hint: string | null;
  choices?: (string | Series)[];
}

export interface Job {
  id: string;
  name: string;
  /** The folder of its image; empty if it was dropped alone. */
  from: string;
  state: JobState;
  step: string | null;
  steps: string[];
  fraction: number;
  seconds_left: number | null;
  created: string;
  seconds: number | null;
  error: JobError | null;
  result: JobResult | null;
}

/** As people see it: what failed for want of a choice waits for one. */
export function stateOf(job: Job): JobState | "asks" {
  return job.state === "failed" && job.error?.choices?.length ? "asks" : job.state;
}

export interface Session {
  version: string;
  notice: string;
  bundle: { name: string; sha256: string; card: string } | null;
  engine: Record<string, unknown> | null;
  roots: string[];
  limits: { upload_bytes: number; voxels: number };
  exports: string[];
  user: string | null;
}

export interface Percentiles {
  p1: number;
  p50: number;
  p99: number;
  liver_low: number | null;
  liver_high: number | null;
}

export interface Case {
  id: string;
  name: string;
  shape: Vector;
  affine: number[][];
  spacing_mm: number[];
  warnings: string[];
  provenance: Record<string, unknown>;
  has: { correction: boolean; reference: boolean; probability: boolean };
  revision: number;
  status: CaseStatus;
  note?: string | null;
  user: string | null;
  /** What was saved with the correction; none before the first. */
  record?: CorrectionRecord | null;
  percentiles: Percentiles;
}

export interface Finding {
  id: number;
  volume_ml: number;
  diameter_axial_mm: number | null;
  diameter_perpendicular_mm: number | null;
  diameter_3d_mm: number | null;
  confidence: number | null;
  centre_voxel: Vector;
  centre_mm?: Vector;
  touches_border?: boolean;
}

export interface Findings {
  liver_ml: number | null;
  tumour_ml: number | null;
  burden_percent?: number | null;
  findings: Finding[];
}

export interface Score {
  dice: number | null;
  sensitivity: number | null;
  precision: number | null;
}

export interface Comparison {
  liver: Score;
  parenchyma: Score;
  tumour: Score;
  changed_voxels: number;
  changed_ml: number;
}

export interface Entry {
  name: string;
  path: string;
  kind: "folder" | "image" | "dicom" | "zip" | "other";
  bytes: number | null;
}

export interface Listing {
  path: string;
  parent: string | null;
  entries: Entry[];
}

export interface ExportedFile {
  name: string;
  bytes: number;
  url: string;
}

export type Edit = { inside_liver: boolean; locked: number[] } & (
  | { tool: "grow"; voxel: Vector; label: number; tolerance: number; radius_mm: number }
  | { tool: "interpolate"; label: number; axis: number }
  | { tool: "smooth"; label: number; mm: number }
  | { tool: "islands"; label: number; minimum_ml: number; keep_largest: boolean }
  | { tool: "fill"; label: number }
);
