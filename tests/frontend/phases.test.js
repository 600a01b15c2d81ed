/** The phases of a step and their places on the timeline. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { eventAt, phasesOf, placed, placeOf } from "../../frontend/src/phases.js";
import { edges, graphOf, node } from "./graphs.js";

const GRAPH = graphOf({
  nodes: [node("n0"), node("n1", { group: "f" }), node("n2", { group: "f" })],
  edges: edges("n0>n1 n1>n2"),
  groups: [{ id: "f", parent: "m", kind: "function", label: "cross_entropy", type: null, line: 1 }, { id: "m", parent: null, kind: "module", label: "M", type: null, line: 1 }],
});

/** @param {string} text @returns {any} */
function stepOf(text) {
  const events = text.split(" ").map((word) => {
    const [phase, name] = word.split(":");
    return { phase, node: name ?? "n0", edge: null, line: 1 };
  });
  return { lossNode: "n2", events, updates: [{ optimizer: "SGD" }] };
}

test("phases follow the snippet; a composite loss is one phase", () => {
  const step = stepOf("forward:n0 forward:n1 forward:n2 zero_grad backward backward update");
  const words = phasesOf(step, GRAPH).map(({ label, from, to }) => `${label} ${from}-${to}`);
  assert.deepEqual(words, ["forward 0-1", "loss 1-3", "zero_grad 3-4", "backward 4-6", "step 6-7"]);
});

test("a phase of one event among hundreds keeps a place that can be hit", () => {
  const step = stepOf([...Array.from({ length: 400 }, () => "forward:n0"), "forward:n2", ...Array.from({ length: 400 }, () => "backward")].join(" "));
  const places = placed(phasesOf(step, GRAPH));
  assert.deepEqual([places[0]?.start, places.at(-1)?.end], [0, 1]);
  for (const { start, end } of places) assert.ok(end - start >= 0.0699);
});

test("every event is found at its own place", () => {
  const places = placed(phasesOf(stepOf("forward:n0 forward:n2 backward backward backward update"), GRAPH));
  for (let event = 0; event < 6; event += 1) assert.equal(eventAt(places, placeOf(places, event + 0.5)), event);
  assert.equal(placeOf(places, 6), 1);
  assert.equal(placeOf(places, 0), 0);
  assert.equal(eventAt(places, 1), 5);
});

test("a step without events has a line without phases", () => {
  assert.deepEqual(placed([]), []);
  assert.equal(placeOf([], 0), 0);
});
