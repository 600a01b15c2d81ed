/** Each event in words. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { spaced } from "../../frontend/src/explain.js";
import { narrate, positionText } from "../../frontend/src/narration.js";
import { edges, graphOf, node, scalar } from "./graphs.js";
import { events, LINES, meetingGraph, meetingStep } from "./moments.js";

/** @param {object} [more] */
function told(more = {}) {
  return { graph: meetingGraph(), step: meetingStep(), lines: LINES, leftover: new Map(), ...more };
}

/** @param {number[]} shape @param {object} [more] */
function tensor(shape, more = {}) {
  const numel = shape.reduce((a, b) => a * b, 1);
  return { ...scalar(0), shape, numel, values: null, mean: 0.5, std: 0.1, ...more };
}

test("every event of a pass is said with its numbers", () => {
  const said = meetingStep().events.map((_, at) => narrate(at, told()));
  assert.deepEqual(said, [
    "line 2: b = a * 3: 2.0 times 3.0 gives 6.0",
    "line 3: c = b * b: 6.0 times 6.0 gives 36.0",
    "line 4: d = b + c: 6.0 plus 36.0 gives 42.0",
    "backward starts at d with the seed ∂d/∂d = 1.0",
    "AddBackward0: gradient 1.0 passes on unchanged to b, contribution 1 of 3",
    "AddBackward0: gradient 1.0 passes on unchanged to c",
    "gradient 1.0 of c enters MulBackward0",
    "MulBackward0: gradient 1.0 times saved b = 6.0 gives 6.0 for b, contribution 2 of 3",
    "MulBackward0: gradient 1.0 times saved b = 6.0 gives 6.0 for b, contribution 3 of 3",
    "gradients of b meet: 1.0 + 6.0 + 6.0 = 13.0, which enters MulBackward0",
    "MulBackward0: gradient 13.0 times 3.0 gives 39.0 for a",
    "AccumulateGrad: a.grad is now 39.0",
    "by hand: a 2.0 − 0.1 · 39.0 = −1.9",
    "zero_grad: a.grad 39.0 is cleared",
  ]);
});

test("the end of a step says what there is", () => {
  assert.equal(narrate(14, told()), "The whole step. d = 42.0: 4 values forward, 5 gradients back, 1 update.");
  assert.equal(positionText(14, told()), "the whole step · 14 events");
});

test("the place says phase, number and who", () => {
  const say = (/** @type {number} */ at) => positionText(at, told());
  assert.deepEqual([say(0), say(7), say(11), say(12), say(13)], [
    "forward · 1 of 3 · mul → b",
    "backward · 5 of 9 · MulBackward0",
    "backward · 9 of 9 · AccumulateGrad → a",
    "update · 1 of 1 · a",
    "zero_grad · 1 of 1 · a.grad",
  ]);
});

test("gradients that pile up are said to", () => {
  const step = meetingStep({ leafGrads: new Map([["n0", scalar(50)]]) });
  const leftover = new Map([["n0", scalar(11)]]);
  const said = narrate(11, told({ step, leftover }));
  assert.equal(said, "AccumulateGrad: a.grad: 11.0 that was there + 39.0 = 50.0. Without zero_grad gradients pile up");
});

test("a rate is named only where the snippet has it and the optimizer is plain", () => {
  const [update] = meetingStep().updates;
  const other = { ...update, optimizer: "Adam" };
  assert.equal(narrate(12, told({ step: meetingStep({ updates: [other] }) })), "Adam: a 2.0 − 3.9 = −1.9");
  assert.equal(narrate(12, told({ lines: ["a"] })), "by hand: a 2.0 − 3.9 = −1.9");
  const up = { ...update, after: scalar(2.5), gradient: scalar(-5), optimizer: "SGD" };
  assert.equal(narrate(12, told({ step: meetingStep({ updates: [up] }) })), "SGD: a 2.0 − 0.1 · (−5.0) = 2.5");
});

test("a zero_grad before backward clears what the step before left", () => {
  const step = meetingStep({ events: events("forward:n1 zero_grad:n0") });
  assert.equal(narrate(1, told({ step, leftover: new Map([["n0", scalar(7)]]) })), "zero_grad: a.grad 7.0 is cleared");
  assert.equal(narrate(1, told({ step })), "zero_grad: a.grad is cleared");
});

test("a break says why", () => {
  const reason = "detach() cuts the graph";
  const graph = meetingGraph([], { n1: { kind: "break", op: "detach", reason } });
  assert.equal(narrate(0, told({ graph })), "line 2: b = a * 3: 6.0. detach() cuts the graph");
});

test("tensors are said by shape and size, ops that are not known by name", () => {
  const graph = graphOf({
    nodes: [node("n0", { kind: "data", names: ["X"] }), node("n1", { kind: "leaf" }), node("n2", { op: "frobnicate", grad_fn: "FrobBackward0" })],
    edges: edges("n0>n2 n1>n2"),
  });
  const step = meetingStep({
    events: [...events("forward:n2 backward:e1")], lossNode: null,
    values: new Map([["n0", tensor([10, 3])], ["n1", tensor([3, 1])], ["n2", tensor([10, 1])]]),
    grads: new Map([["n2", tensor([10, 1], { mean: 1, std: 0 })]]),
    edgeGrads: new Map([["e1", tensor([3, 1], { mean: 2, std: 0 })]]),
  });
  const about = told({ graph, step, lines: [] });
  assert.equal(narrate(0, about), "line 3: frobnicate of X [10, 3], [3, 1] gives [10, 1], mean 0.5");
  assert.equal(narrate(1, about), "FrobBackward0: gradient [10, 1] (norm 3.16) gives [3, 1] (norm 3.46) for add");
});

test("a value that was not looked at does not stop the words", () => {
  const step = meetingStep({ values: new Map(), grads: new Map(), edgeGrads: new Map(), updates: [] });
  for (let at = 0; at <= 14; at += 1) assert.ok(narrate(at, told({ step })).length > 5);
});

test("a rule in words has no blank before a comma", () => {
  assert.equal(spaced([{ text: "[4]" }, { text: "summed over dim 0" }, { text: "," }, { text: "norm 0.36" }]), "[4] summed over dim 0, norm 0.36");
});
