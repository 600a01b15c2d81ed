import assert from "node:assert/strict";
import { test } from "node:test";

import { Recording } from "../../frontend/src/recording.js";
import { messagesOf } from "../../frontend/src/wire.js";
import { node } from "./graphs.js";

/** @param {Recording} recording @param {string[]} ids */
function graphs(recording, ...ids) {
  const answer = { graphs: ids.map((id) => ({ id, nodes: [node("n0")], edges: [], groups: [] })), steps: [], bindings: [], output: [] };
  for (const message of messagesOf(answer)) if (message.type === "graph") recording.take(message);
}

/** @param {number} index @param {object} [fields] */
function step(index, fields = {}) {
  return { type: "step", seq: index, record: { index, graph: "g", loss: 1, bytes: 1000, statistics: () => null, ...fields } };
}

test("ten thousand steps stay bounded; the first, the last, the one shown and the odd ones stay", () => {
  const recording = new Recording("", 1_000_000);
  graphs(recording, "g", "other");
  for (let i = 0; i < 10_000; i += 1) {
    const fields = i === 3333 ? { loss: NaN } : i === 7777 ? { graph: "other" } : {};
    recording.take(step(i, fields));
    if (i % 100 === 0) recording.snapshot(5001);
  }
  const run = recording.snapshot(5001);
  const kept = run.steps.map(({ index }) => index);
  assert.ok(run.steps.reduce((sum, { bytes }) => sum + bytes, 0) <= 1_000_000);
  assert.ok(kept.length > 300, `only ${kept.length} are left`);
  for (const index of [0, 1, 15, 3333, 4990, 5001, 5010, 7777, 9999]) assert.ok(kept.includes(index), `${index} has gone`);
  assert.equal(run.thinned + kept.length, 10_000);
  assert.equal(run.iterations, 10_000);
  assert.equal(run.curves.loss.length, 10_000);
  const gaps = kept.slice(1).map((index, i) => index - kept[i]);
  assert.ok(Math.max(...gaps) <= 64, `a gap of ${Math.max(...gaps)}`);
});

test("steps that are too large for all of them leave room for the one shown and the newest", () => {
  const recording = new Recording("", 1_000_000);
  graphs(recording, "g");
  for (let i = 0; i < 40; i += 1) {
    recording.take(step(i, { bytes: 400_000 }));
    if (i === 7) recording.snapshot(7);
  }
  const kept = recording.snapshot(7).steps.map(({ index }) => index);
  assert.deepEqual(kept, [0, 7, 39]);
});

test("a snapshot does not change when more comes", () => {
  const recording = new Recording("");
  graphs(recording, "g");
  recording.take(step(0));
  const run = recording.snapshot();
  recording.take(step(1));
  assert.equal(run.steps.length, 1);
  assert.equal(recording.snapshot().steps.length, 2);
  assert.equal(recording.snapshot().number, run.number);
});

test("a line's tensor is known by its node in each graph that it was told of", () => {
  const recording = new Recording("a");
  const tell = (/** @type {string} */ graph, /** @type {string} */ id, /** @type {string} */ text) =>
    recording.take({ type: "binding", seq: 1, binding: { line: 1, name: "x", text, graph, node: id } });
  tell("g", "n1", "1.0");
  const early = recording.snapshot();
  tell("h", "n2", "2.0");
  tell("g", "n1", "3.0");
  const [binding] = recording.snapshot().bindings;
  assert.equal(binding.text, "3.0");
  assert.deepEqual([...binding.nodes], [["g", "n1"], ["h", "n2"]]);
  assert.deepEqual([...early.bindings[0].nodes], [["g", "n1"]]);
});

test("what comes after the last loss is no iteration", () => {
  const recording = new Recording("");
  graphs(recording, "g");
  recording.take(step(0));
  recording.take(step(1));
  recording.take(step(2, { loss: null }));
  assert.equal(recording.snapshot().iterations, 2);
});

test("bindings of a line replace each other; what was skipped is counted and its numbers are kept", () => {
  const recording = new Recording("a\nb");
  const binding = (/** @type {number} */ line, /** @type {string} */ text) => ({ type: "binding", seq: 1, binding: { line, name: "x", text, node: null, graph: null } });
  for (const message of [binding(2, "1"), binding(1, "0"), binding(2, "2")]) recording.take(message);
  recording.take({ type: "skipped", seq: 9, steps: 4, reason: "slow", scalars: [{ index: 0, loss: 3, values: {}, loops: { i: 0 } }] });
  const run = recording.snapshot();
  assert.deepEqual(run.bindings.map(({ line, text }) => [line, text]), [[1, "0"], [2, "2"]]);
  assert.deepEqual([run.skipped, run.expired], [4, 0]);
  recording.take({ type: "skipped", seq: 12, steps: 3, reason: "expired", scalars: [] });
  const later = recording.snapshot();
  assert.deepEqual([later.skipped, later.expired], [7, 3]);
  assert.equal(run.looping, true);
  assert.equal(run.curves.loss.at(0), 3);
});
