/**
 * The shortest way through the liver that makes several lesions one.
 *
 * A lesion is what hangs together (a 26-connected piece of its label), here and in every
 * measurement, so two cannot be called one: voxels between them have to become lesion.
 */
import type { Grid, Vector } from "../volume/grid";
import { PARENCHYMA, TUMOUR } from "../volume/labels";
import { Queue } from "./queue";

/**
 * The voxels of liver that join `pieces` (each the voxels of one lesion), none of them touching a
 * lesion that is not among them. Each further piece is joined to those before by the shortest way
 * in millimetres, one voxel wide. Null where there is no such way; empty for fewer than two pieces.
 */
export function bridge(
  grid: Grid, labels: Uint8Array, pieces: readonly (readonly number[])[],
): number[] | null {
  const pieceOf = new Map<number, number>();
  pieces.forEach((piece, n) => piece.forEach((voxel) => pieceOf.set(voxel, n)));
  let joined: readonly number[] = pieces[0] ?? [];
  const open = new Set(pieces.keys());
  open.delete(0);
  const painted: number[] = [];
  while (open.size > 0) {
    const found = shortest(grid, labels, joined, pieceOf, open);
    if (!found) return null;
    open.delete(found.piece);
    painted.push(...found.way);
    joined = [...joined, ...found.way, ...pieces[found.piece]];
  }
  return painted;
}

/** Dijkstra (1959) from all of `joined` to the nearest piece that is still open. */
function shortest(
  grid: Grid,
  labels: Uint8Array,
  joined: readonly number[],
  pieceOf: ReadonlyMap<number, number>,
  open: ReadonlySet<number>,
): { piece: number; way: number[] } | null {
  const distance = new Map<number, number>(joined.map((voxel) => [voxel, 0]));
  const before = new Map<number, number>();
  const done = new Set<number>();
  const queue = new Queue();
  for (const voxel of joined) queue.push(voxel, 0);
  for (let at = queue.pop(); at !== null; at = queue.pop()) {
    if (done.has(at)) continue;
    done.add(at);
    const piece = pieceOf.get(at);
    if (piece !== undefined && open.has(piece)) return { piece, way: back(at, before) };
    for (const [next, mm] of neighbours(grid, at)) {
      const length = (distance.get(at) as number) + mm;
      if (length >= (distance.get(next) ?? Infinity)) continue;
      const target = open.has(pieceOf.get(next) ?? -1);
      if (!target && !free(grid, labels, next, pieceOf)) continue;
      distance.set(next, length);
      before.set(next, at);
      queue.push(next, length);
    }
  }
  return null;
}

/** The way to `end`, without the lesions at both its ends. */
function back(end: number, before: ReadonlyMap<number, number>): number[] {
  const way: number[] = [];
  let at = before.get(end) as number;
  for (let last = before.get(at); last !== undefined; at = last, last = before.get(at)) way.push(at);
  return way;
}

/** Liver that touches no lesion but those to be joined. */
function free(
  grid: Grid, labels: Uint8Array, voxel: number, pieceOf: ReadonlyMap<number, number>,
): boolean {
  if (labels[voxel] !== PARENCHYMA) return false;
  return neighbours(grid, voxel).every(([n]) => labels[n] !== TUMOUR || pieceOf.has(n));
}

/** The up to 26 neighbours of a voxel, with the millimetres to each. */
function neighbours(grid: Grid, voxel: number): [number, number][] {
  const [i, j, k] = grid.voxel(voxel);
  const found: [number, number][] = [];
  for (const step of STEPS) {
    const at: Vector = [i + step[0], j + step[1], k + step[2]];
    if (grid.contains(at)) found.push([grid.index(...at), Math.sqrt(grid.product(step, step))]);
  }
  return found;
}

const STEPS: Vector[] = [-1, 0, 1].flatMap((k) =>
  [-1, 0, 1].flatMap((j) => [-1, 0, 1].map((i): Vector => [i, j, k])),
).filter((step) => step.some((x) => x !== 0));
