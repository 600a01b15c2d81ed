import assert from "node:assert/strict";
import { test } from "node:test";

import { cellText, cellsTogether, isOfScalars, meetingsAt, mostTelling } from "../../frontend/src/meeting.js";
import { narrate } from "../../frontend/src/narration.js";
import { cardOf } from "../../frontend/src/stage/card.js";
import { cardSum, partialSum } from "../../frontend/src/stage/contribution.js";
import { termsOf, termsSize } from "../../frontend/src/stage/terms.js";
import { hierarchyOf } from "../../frontend/src/layout/hierarchy.js";
import { LINES, meetingGraph, meetingStep } from "./moments.js";

/** @param {number[]} values @param {object} [more] */
function tensor(values, more = {}) {
  return {
    shape: [2, values.length / 2], dtype: "torch.float32", device: "cpu", numel: values.length, min: 0, max: 0,
    mean: values.reduce((sum, value) => sum + value, 0) / values.length, std: null, nan: 0, inf: 0, values, thumb: null, ...more,
  };
}

const FIRST = [1, 1, 1, 1];
const SECOND = [4.5, -1, -0.5, -3];
const SUM = [10, -1, 0, -5];

/** @param {object} [more] */
function matrices({ total = tensor(SUM), ...more } = {}) {
  const step = meetingStep(more);
  step.edgeGrads = new Map([...step.edgeGrads, ["e1", tensor(SECOND)], ["e2", tensor(SECOND)], ["e3", tensor(FIRST)]]);
  step.grads = new Map([...step.grads, ["n1", total]]);
  return step;
}

/** @param {object} step */
function met(step) {
  const [found] = meetingsAt("n1", meetingGraph(), step);
  return found;
}

test("what meets is told in the engine's order", () => {
  assert.deepEqual(met(matrices()).parts.map(({ edge }) => edge), ["e3", "e1", "e2"]);
  assert.deepEqual(met(matrices({ events: [] })).parts.map(({ edge }) => edge), ["e1", "e2", "e3"]);
  assert.equal(meetingsAt("n2", meetingGraph(), matrices()).length, 0);
});

test("each cell adds up, in one scale for all", () => {
  const meeting = met(matrices());
  const together = cellsTogether(meeting);
  assert.equal(isOfScalars(meeting), false);
  assert.equal(meeting.adds, true);
  assert.equal(together.scale, 10);
  assert.equal(cellText(meeting, together, 3), "[1, 1]: 1.0 \u2212 3.0 \u2212 3.0 = \u22125.0");
  assert.equal(cellText(meeting, together, 0, (edge) => edge === "e3", false), "[0, 0]: 1.0 + ? + ? = ?");
  assert.equal(mostTelling(together), 0);
});

test("where a hook changed the sum, no equation is claimed", () => {
  const meeting = met(matrices({ total: tensor([1, -1, 0, -1]) }));
  assert.equal(meeting.adds, false);
  assert.match(cellText(meeting, cellsTogether(meeting), 0), /1\.0 \+ 4\.5 \+ 4\.5 \u2192 1\.0$/);
  const scalars = meetingStep();
  const tenfold = { ...scalars, grads: new Map([...scalars.grads, ["n1", { ...scalars.grads.get("n1"), values: [130], mean: 130 }]]) };
  assert.equal(partialSum("n1", meetingGraph(), tenfold, () => true, true), "1.0 + 6.0 + 6.0 \u2192 130.0");
});

test("rounding is no hook: half precision adds up too", () => {
  const close = SUM.map((value) => value * 1.004);
  assert.equal(met(matrices({ total: tensor(close) })).adds, false);
  assert.equal(met(matrices({ total: tensor(close, { dtype: "torch.bfloat16" }) })).adds, true);
});

test("means of blocks stand for large tensors, and add up", () => {
  const step = matrices({ total: tensor(SUM, { values: null, thumb: [[10, -1], [0, -5]] }) });
  const large = (/** @type {number[]} */ values) => tensor(values, { values: null, thumb: [values.slice(0, 2), values.slice(2)] });
  step.edgeGrads = new Map([["e1", large(SECOND)], ["e2", large(SECOND)], ["e3", large(FIRST)]]);
  const together = cellsTogether(met(step));
  assert.equal(together.blocks, true);
  assert.match(cellText(met(step), together, 1), /^block \[0, 1\]: 1\.0 \u2212 1\.0 \u2212 1\.0 = \u22121\.0$/);
  const brief = { ...step, edgeGrads: new Map([...step.edgeGrads].map(([edge, each]) => [edge, { ...each, thumb: null }])) };
  assert.equal(cellsTogether(met(brief)), null);
});

test("gradients of different outputs do not meet", () => {
  const graph = meetingGraph();
  const apart = graph.outOf.get("n1").map((edge) => (edge.id === "e3" ? { ...edge, source_output: 1 } : edge));
  const step = matrices();
  const [first, ...rest] = meetingsAt("n1", { ...graph, outOf: new Map([["n1", apart]]) },
    { ...step, outputGrads: new Map([["n1", [tensor(SECOND.map((value) => 2 * value)), tensor(FIRST)]]]) });
  assert.deepEqual([first.parts.map(({ edge }) => edge), first.adds, rest.length], [["e1", "e2"], true, 0]);
});

test("a card draws the sum where there is room, with numbers if they fit", () => {
  const graph = meetingGraph();
  const look = { graph, hierarchy: hierarchyOf(graph), step: matrices(), steady: false, room: 800, roomy: true };
  const { terms, height, width } = cardOf("n1", look);
  assert.deepEqual(terms.parts.map(({ edge }) => edge), ["e3", "e1", "e2"]);
  assert.ok(terms.total.written && terms.parts.every(({ heat }) => heat.scale === terms.total.scale));
  const narrow = cardOf("n1", { ...look, room: 300 });
  assert.ok(!narrow.terms.total.written && narrow.width < width && height > 60);
  assert.equal(narrow.sum, "");
  const crowded = cardOf("n1", { ...look, roomy: false });
  assert.deepEqual([crowded.terms, crowded.sum], [null, "sum of 3 gradients"]);
  assert.equal(cardSum("n1", graph, look.step, (edge) => edge === "e3", false), "1 of 3 gradients");
});

/** @param {number} count of edges out of b @param {(step: object) => object} withGrads */
function fan(count, withGrads) {
  const graph = meetingGraph();
  const [first] = graph.outOf.get("n1");
  const all = Array.from({ length: count }, (_, i) => ({ ...first, id: `f${i}` }));
  return { graph: { ...graph, outOf: new Map([["n1", all]]) }, step: withGrads({ ...meetingStep(), events: [] }) };
}

test("a sum of many terms says how many are not written", () => {
  const one = { ...meetingStep().edgeGrads.get("e1"), values: [1], mean: 1 };
  const scalars = (/** @type {number} */ count) => {
    const edgeGrads = new Map(Array.from({ length: count }, (_, i) => [`f${i}`, one]));
    const total = { ...one, values: [count], mean: count };
    const { graph, step } = fan(count, (made) => ({ ...made, edgeGrads, grads: new Map([["n1", total]]) }));
    return partialSum("n1", graph, step, () => true, true);
  };
  assert.equal(scalars(5), "1.0 + 1.0 + 1.0 + 1.0 + 1.0 = 5.0");
  assert.equal(scalars(7), "1.0 + 1.0 + 1.0 + 1.0 + \u2026 and 3 more = 7.0");
});

test("a drawn sum counts the terms that are not drawn, and has room for the words", () => {
  const matrix = tensor(FIRST);
  const terms = (/** @type {number} */ count) => {
    const edgeGrads = new Map(Array.from({ length: count }, (_, i) => [`f${i}`, matrix]));
    const { graph, step } = fan(count, (made) => ({ ...made, edgeGrads, grads: new Map([["n1", tensor(FIRST.map((v) => v * count))]]) }));
    return termsOf("n1", graph, step, { room: 900, steady: false });
  };
  assert.deepEqual([terms(3).parts.length, terms(3).more], [3, 0]);
  assert.deepEqual([terms(6).parts.length, terms(6).more], [2, 4]);
  assert.ok(termsSize(terms(6)).width > termsSize(terms(3)).width);
});

test("the words give one cell of the sum as an example", () => {
  const graph = meetingGraph();
  const told = { graph, step: matrices(), lines: LINES, leftover: new Map() };
  const at = told.step.events.findIndex(({ phase, node }) => phase === "backward" && node === "n1");
  assert.equal(narrate(at, told),
    "gradients of b meet: 3 contributions add up cell by cell to [2, 2] (norm 11.2), such as [0, 0]: 1.0 + 4.5 + 4.5 = 10.0, which enters MulBackward0");
});
