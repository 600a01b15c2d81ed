/** The playback's position. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { durations, moved, REST, SPEEDS } from "../../frontend/src/player.js";

/** @param {number[]} lengths @param {object} [more] */
function reelOf(lengths, more = {}) {
  return { steps: lengths.length, growing: false, length: (step) => lengths[step] ?? 0, duration: () => 100, ...more };
}

/** @param {import("../../frontend/src/player.js").Position} position */
function where({ step, at, full }) {
  return full ? `${step}:full` : `${step}:${at}`;
}

/** @param {import("../../frontend/src/player.js").Reel} reel @param {object[]} commands @param {object} [from] */
function after(reel, commands, from = REST) {
  return commands.reduce((position, command) => moved(position, command, reel), from);
}

const ONE = reelOf([4]);
const THREE = reelOf([4, 4, 4]);

test("a run is shown in full at its last step until it is played", () => {
  const loaded = moved(REST, { type: "load", step: 2 }, THREE);
  assert.deepEqual([where(loaded), loaded.at, loaded.playing], ["2:full", 4, false]);
});

test("play begins with the first step, goes through all, and ends on the full picture", () => {
  const loaded = moved(REST, { type: "load", step: 2 }, THREE);
  let now = moved(loaded, { type: "play" }, THREE);
  const seen = [where(now)];
  for (let i = 0; i < 400 && now.playing; i += 1) {
    now = moved(now, { type: "tick", ms: 20 }, THREE);
    if (seen.at(-1) !== where(now)) seen.push(where(now));
  }
  assert.deepEqual(seen, ["0:0", "0:1", "0:2", "0:3", "1:0", "1:1", "1:2", "1:3", "2:0", "2:1", "2:2", "2:3", "2:full"]);
  assert.equal(now.playing, false);
});

test("play from the end of a step that is not the last plays that step", () => {
  const shown = after(THREE, [{ type: "load", step: 2 }, { type: "show", step: 1 }, { type: "play" }]);
  assert.equal(where(shown), "1:0");
});

test("a tick that is longer than an event goes on by several, none is lost", () => {
  const playing = after(ONE, [{ type: "load", step: 0 }, { type: "play" }]);
  const later = moved(playing, { type: "tick", ms: 250 }, ONE);
  assert.equal(where(later), "0:2");
  assert.ok(Math.abs(later.progress - 0.5) < 1e-9);
});

test("speed divides the time; the keys go through the speeds and stop at the ends", () => {
  const twice = after(ONE, [{ type: "load", step: 0 }, { type: "speed", speed: 2 }, { type: "play" }, { type: "tick", ms: 100 }]);
  assert.equal(where(twice), "0:2");
  let now = REST;
  for (let i = 0; i < 9; i += 1) now = moved(now, { type: "faster", by: 1 }, ONE);
  assert.equal(now.speed, SPEEDS.at(-1));
  for (let i = 0; i < 9; i += 1) now = moved(now, { type: "faster", by: -1 }, ONE);
  assert.equal(now.speed, SPEEDS[0]);
});

test("pause lets the event that happens come to its end, and no other begin", () => {
  const paused = after(ONE, [{ type: "load", step: 0 }, { type: "play" }, { type: "tick", ms: 130 }, { type: "pause" }, { type: "tick", ms: 1000 }]);
  assert.deepEqual([where(paused), paused.progress, paused.playing], ["0:1", 1, false]);
});

test("one event on or back, across the ends of steps", () => {
  const on = { type: "event", by: 1 };
  const back = { type: "event", by: -1 };
  const start = after(THREE, [{ type: "load", step: 2 }, { type: "seek", step: 0, at: 2 }]);
  assert.equal(where(after(THREE, [on], start)), "0:3");
  assert.equal(where(after(THREE, [on, on], start)), "0:full");
  assert.equal(where(after(THREE, [on, on, on], start)), "1:0");
  assert.equal(where(after(THREE, [on, on, on, back], start)), "0:full");
  assert.equal(where(after(THREE, [on, on, on, back, back], start)), "0:3");
  assert.equal(where(after(THREE, [back, back, back, back], start)), "0:0");
  assert.equal(where(after(THREE, [{ type: "end" }, { type: "end" }, on], start)), "2:full");
});

test("one step on or back stays in full, or at the same event", () => {
  const full = moved(REST, { type: "load", step: 2 }, THREE);
  assert.equal(where(moved(full, { type: "step", by: -1 }, THREE)), "1:full");
  const inside = moved(full, { type: "seek", step: 1, at: 3 }, THREE);
  assert.equal(where(moved(inside, { type: "step", by: 1 }, THREE)), "2:3");
  assert.equal(where(moved(inside, { type: "step", by: 5 }, THREE)), "2:3");
  const uneven = reelOf([4, 4, 2]);
  assert.equal(where(moved(inside, { type: "step", by: 1 }, uneven)), "2:1");
});

test("home and end: of the step first, then of the run", () => {
  const inside = after(THREE, [{ type: "load", step: 2 }, { type: "seek", step: 1, at: 3 }]);
  assert.equal(where(after(THREE, [{ type: "home" }], inside)), "1:0");
  assert.equal(where(after(THREE, [{ type: "home" }, { type: "home" }], inside)), "0:0");
  assert.equal(where(after(THREE, [{ type: "end" }], inside)), "1:full");
  assert.equal(where(after(THREE, [{ type: "end" }, { type: "end" }], inside)), "2:full");
});

test("a chosen event moves the playhead and leaves the full picture; play goes on from there", () => {
  const chosen = after(ONE, [{ type: "load", step: 0 }, { type: "choose", at: 2 }]);
  assert.deepEqual([where(chosen), chosen.at], ["0:full", 2]);
  assert.equal(where(moved(chosen, { type: "play" }, ONE)), "0:2");
});

test("with loop the first step follows the last", () => {
  const now = after(ONE, [{ type: "load", step: 0 }, { type: "loop", loop: true }, { type: "play" }, { type: "tick", ms: 450 }]);
  assert.deepEqual([where(now), now.playing], ["0:0", true]);
});

test("steps that repeat come quicker, and press by press begin slowly again", () => {
  const long = reelOf(Array.from({ length: 40 }, () => 4));
  const playing = after(long, [{ type: "load", step: 39 }, { type: "play" }]);
  const first = moved(playing, { type: "tick", ms: 1500 }, long);
  assert.ok(first.step >= 4, `step ${first.step}`);
  const again = after(long, [{ type: "pause" }, { type: "play" }], first);
  assert.equal(again.laps, 0);
});

test("a run that goes on is waited for, and its next step is played when it comes", () => {
  const growing = reelOf([4], { growing: true });
  const waiting = after(growing, [{ type: "load", step: 0 }, { type: "play" }, { type: "tick", ms: 900 }]);
  assert.deepEqual([where(waiting), waiting.playing], ["0:full", true]);
  const more = reelOf([4, 4], { growing: true });
  const later = after(more, [{ type: "tick", ms: 20 }], waiting);
  assert.equal(where(later), "1:0");
});

test("a step that gets another place in its run goes on where it was", () => {
  const playing = after(THREE, [{ type: "load", step: 2 }, { type: "play" }, { type: "tick", ms: 650 }]);
  const moved2 = moved(playing, { type: "moved", step: 0 }, THREE);
  assert.deepEqual([playing.step, where(moved2), moved2.playing], [1, `0:${playing.at}`, true]);
});

test("an empty run can be played without harm", () => {
  const none = reelOf([]);
  const commands = ["play", "toggle", "home", "end"].map((type) => ({ type }));
  const now = after(none, [...commands, { type: "event", by: 1 }, { type: "step", by: 1 }, { type: "tick", ms: 50 }]);
  assert.equal(now.playing, false);
});

test("a step of 800 events takes less than a minute, what is hidden a fraction of it", () => {
  const events = Array.from({ length: 800 }, (_, i) => ({ phase: i < 300 ? "forward" : "backward", edge: i % 2 ? "e" : null }));
  const all = durations(events, () => true).reduce((sum, ms) => sum + ms, 0);
  assert.ok(all <= 45_001, String(all));
  const few = durations(events, (i) => i % 100 === 0);
  assert.ok(few.reduce((sum, ms) => sum + ms, 0) < 20_000);
  assert.ok((few[0] ?? 0) > 20 * (few[1] ?? 0));
  assert.equal(durations(events.slice(0, 1), () => true)[0], 1500);
});
