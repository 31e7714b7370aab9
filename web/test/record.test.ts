import { describe, expect, it } from "vitest";
import { ActiveClock } from "../src/record/clock";
import { CorrectionLog, EMPTY_RECORD } from "../src/record/log";
import type { Delta } from "../src/edit/delta";

function clockAt() {
  const time = { ms: 0 };
  return { time, clock: new ActiveClock(() => time.ms) };
}

describe("active seconds", () => {
  it("do not run before the first sign of life", () => {
    const { time, clock } = clockAt();
    time.ms = 60_000;
    expect(clock.seconds).toBe(0);
    expect(clock.running).toBe(false);
  });

  it("count work, and thirty seconds of a longer pause", () => {
    const { time, clock } = clockAt();
    clock.touch();
    time.ms = 10_000;
    clock.touch();
    expect(clock.seconds).toBe(10);
    time.ms = 200_000;
    expect(clock.seconds).toBe(40);
    expect(clock.running).toBe(false);
    clock.touch();
    time.ms = 205_000;
    expect(clock.seconds).toBe(45);
  });

  it("stand still while the window is hidden", () => {
    const { time, clock } = clockAt();
    clock.touch();
    time.ms = 4_000;
    clock.hide();
    time.ms = 20_000;
    clock.touch();
    expect(clock.seconds).toBe(4);
    clock.show();
    time.ms = 21_000;
    expect(clock.seconds).toBe(5);
  });
});

describe("the record", () => {
  const delta = (tool: string, became: [number, number, number]): Delta => ({
    tool, became, runs: new Uint8Array(), count: 0, box: { low: [0, 0, 0], high: [0, 0, 0] },
  });

  it("adds to what earlier sessions recorded, and never falls", () => {
    let active = 0;
    let now = 1_000_000;
    const earlier = { ...EMPTY_RECORD, active_seconds: 60, edits: 2, tools: { brush: { edits: 2, seconds: 50 } } };
    const log = new CorrectionLog(earlier, now, () => active, () => now);
    active = 5;
    log.add(delta("brush", [0, 3, 7]), "edit");
    active = 8;
    log.add(delta("brush", [0, 3, 7]), "undo");
    active = 9;
    log.add(delta("eraser", [4, 0, 0]), "edit");
    now += 20_000;
    const record = log.record("AB");
    expect(record.active_seconds).toBe(69);
    expect(record.wall_seconds).toBe(20);
    expect(record.edits).toBe(4);
    expect(record.undos).toBe(1);
    expect(record.voxels_changed).toEqual({ "0": 4, "1": 3, "2": 7 });
    expect(record.tools).toEqual({ brush: { edits: 3, seconds: 55 }, eraser: { edits: 1, seconds: 1 } });
    expect(record.sessions).toHaveLength(1);
    expect(record.user).toBe("AB");
    expect(earlier.tools.brush.edits).toBe(2);
  });

  it("goes on from another window's, without counting twice what that one has", () => {
    let now = 0;
    const log = new CorrectionLog(EMPTY_RECORD, 0, () => now / 1000, () => now);
    now = 10_000;
    log.add(delta("brush", [0, 0, 5]), "edit");
    log.saved(log.counted()); // ten seconds and one edit are on the server
    now = 13_000;
    log.add(delta("brush", [0, 0, 2]), "edit");
    const theirs = { ...EMPTY_RECORD, active_seconds: 30, wall_seconds: 30, edits: 4,
      voxels_changed: { "0": 0, "1": 0, "2": 9 }, tools: { brush: { edits: 4, seconds: 20 } } };
    log.goOnFrom(theirs);
    const record = log.record(null);
    expect(record.active_seconds).toBe(33);
    expect(record.wall_seconds).toBe(33);
    expect(record.edits).toBe(5);
    expect(record.voxels_changed["2"]).toBe(11);
    expect(record.tools.brush).toEqual({ edits: 5, seconds: 23 });
  });
});
