import assert from "node:assert/strict";
import { test } from "node:test";

import { next, placeOf, START } from "../../frontend/src/run.js";
import { edges, node, recordingOf, runOf } from "./graphs.js";

const GRAPH = { nodes: [node("n0"), node("n1")], edges: edges("n0>n1") };
const same = (/** @type {ReadonlySet<string>} */ open) => open;
const send = (state, ...messages) => messages.reduce((now, message) => next(now, message, same), state);

/** @param {number} count @param {object} [last] the fields of the last step */
function training(count, last = {}) {
  return runOf(GRAPH, Array.from({ length: count }, (_, i) => ({ loss: 1 / (i + 1), ...(i === count - 1 ? last : {}) })));
}

/** A run that goes on: what it is after so many of its steps. */
function growing(total) {
  const losses = Array.from({ length: total }, (_, i) => ({ loss: i }));
  const whole = recordingOf(GRAPH, losses, "running");
  const all = whole.snapshot();
  return (/** @type {number} */ count, /** @type {object} */ more = {}) => ({ ...all, steps: all.steps.slice(0, count), iterations: count, ...more });
}

test("a run that is over shows its last step", () => {
  const state = send(START, { type: "run" }, { type: "received", run: training(5) });
  assert.equal(state.phase, "done");
  assert.equal(state.step, 4);
});

test("what comes after the last loss is not what is shown first", () => {
  assert.equal(send(START, { type: "received", run: training(5, { loss: null }) }).step, 3);
  assert.equal(send(START, { type: "received", run: runOf(GRAPH, [{}, {}]) }).step, 1);
});

test("running the same structure again keeps step, selection and what is open", () => {
  const state = send(
    START,
    { type: "received", run: training(5) },
    { type: "step", step: 2 },
    { type: "select", selection: { type: "node", id: "n1" } },
    { type: "open", graph: "g", groups: new Set(["", "x"]) },
    { type: "run" },
    { type: "received", run: training(5) },
  );
  assert.equal(state.step, 2);
  assert.deepEqual(state.selection, { type: "node", id: "n1" });
  assert.deepEqual([...state.open.get("g")], ["", "x"]);
});

test("the newest step is followed until another is chosen, and again when asked", () => {
  const at = growing(10);
  let state = send(START, { type: "run" }, { type: "received", run: at(3) });
  assert.equal(state.phase, "running");
  assert.equal(state.step, 2);
  state = send(state, { type: "received", run: at(5) });
  assert.equal(state.step, 4);
  state = send(state, { type: "step", step: 1 }, { type: "received", run: at(8) });
  assert.equal(state.live, false);
  assert.equal(state.step, 1);
  state = send(state, { type: "live", live: true });
  assert.equal(state.step, 7);
  state = send(state, { type: "received", run: at(10, { status: "ok" }) });
  assert.equal(state.step, 9);
  assert.equal(state.phase, "done");
});

test("the step that is shown stays when others make room", () => {
  const at = growing(10);
  const whole = at(10);
  const state = send(START, { type: "run" }, { type: "received", run: whole }, { type: "step", step: 6 });
  const thinner = { ...whole, steps: whole.steps.filter(({ index }) => index % 2 === 0) };
  const after = send(state, { type: "received", run: thinner });
  assert.equal(after.run.steps[after.step].index, 6);
});

test("the curves of the run before are kept to compare with, unless it had none", () => {
  const first = training(5);
  const state = send(START, { type: "received", run: first }, { type: "received", run: training(6) });
  assert.equal(state.previous, first.curves);
  const more = send(state, { type: "received", run: { ...state.run } });
  assert.equal(more.previous, first.curves);
  const single = send(START, { type: "received", run: training(1) }, { type: "received", run: training(6) });
  assert.equal(single.previous, null);
});

test("a step beyond the ends is the first or the last", () => {
  const state = send(START, { type: "received", run: training(3) });
  assert.equal(send(state, { type: "step", step: -4 }).step, 0);
  assert.equal(send(state, { type: "step", step: 99 }), state);
});

test("stopping before anything came leaves what was shown before", () => {
  const shown = send(START, { type: "received", run: training(1) });
  const stopped = send(shown, { type: "run" }, { type: "stopped" });
  assert.equal(stopped.phase, "stopped");
  assert.equal(stopped.run, shown.run);
  assert.equal(send(shown, { type: "stopped" }), shown);
});

test("messages that change nothing give the same state", () => {
  const state = send(START, { type: "select", selection: { type: "line", id: "3" } });
  assert.equal(send(state, { type: "select", selection: { type: "line", id: "3" } }), state);
  const stale = send(state, { type: "edited" });
  assert.equal(send(stale, { type: "edited" }), stale);
});

test("the place of a step is found by its index, or the place before it", () => {
  const steps = [0, 1, 2, 10, 20].map((index) => ({ index }));
  assert.deepEqual([0, 2, 9, 10, 99, -1].map((index) => placeOf(steps, index)), [0, 2, 2, 3, 4, 0]);
});

test("a chosen line stays chosen while the snippet is the same", () => {
  const run = { ...training(1), lines: ["a", "b"] };
  const state = send(START, { type: "received", run }, { type: "select", selection: { type: "line", id: "2" } });
  assert.equal(send(state, { type: "received", run: { ...run, number: run.number + 1 } }).selection.id, "2");
  assert.equal(send(state, { type: "received", run: { ...run, number: run.number + 1, lines: ["c"] } }).selection, null);
});
