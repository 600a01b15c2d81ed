import assert from "node:assert/strict";
import { test } from "node:test";

import { next, START } from "../../frontend/src/run.js";
import { edges, node, runOf } from "./graphs.js";

const same = (/** @type {ReadonlySet<string>} */ open) => open;

/** @param {number} count */
function training(count) {
  const graph = { nodes: [node("n0"), node("n1")], edges: edges("n0>n1") };
  return runOf(graph, Array.from({ length: count }, (_, index) => ({ index, graph: "g" })));
}

test("an answer shows its last step and ends the run", () => {
  const state = next(next(START, { type: "run" }, same), { type: "answer", run: training(5) }, same);
  assert.equal(state.phase, "done");
  assert.equal(state.step, 4);
});

test("running the same structure again keeps step, selection and what is open", () => {
  let state = next(START, { type: "answer", run: training(5) }, same);
  state = next(state, { type: "step", step: 2 }, same);
  state = next(state, { type: "select", selection: { type: "node", id: "n1" } }, same);
  state = next(state, { type: "open", graph: "g", groups: new Set(["", "x"]) }, same);
  const again = next(state, { type: "answer", run: training(5) }, same);
  assert.equal(again.step, 2);
  assert.deepEqual(again.selection, { type: "node", id: "n1" });
  assert.deepEqual([...again.open.get("g")], ["", "x"]);
});

test("a step beyond the ends is the first or the last", () => {
  const state = next(START, { type: "answer", run: training(3) }, same);
  assert.equal(next(state, { type: "step", step: -4 }, same).step, 0);
  assert.equal(next(state, { type: "step", step: 99 }, same), state);
});

test("stopping leaves what was shown before", () => {
  const shown = next(START, { type: "answer", run: training(1) }, same);
  const stopped = next(next(shown, { type: "run" }, same), { type: "stopped" }, same);
  assert.equal(stopped.phase, "stopped");
  assert.equal(stopped.run, shown.run);
  assert.equal(next(shown, { type: "stopped" }, same), shown);
});

test("messages that change nothing give the same state", () => {
  const state = next(START, { type: "select", selection: { type: "line", id: "3" } }, same);
  assert.equal(next(state, { type: "select", selection: { type: "line", id: "3" } }, same), state);
  const stale = next(state, { type: "edited" }, same);
  assert.equal(next(stale, { type: "edited" }, same), stale);
});
