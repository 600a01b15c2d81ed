/** What the stage shows at a moment. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { hierarchyOf } from "../../frontend/src/layout/hierarchy.js";
import { SEED, visibleOf } from "../../frontend/src/layout/visible.js";
import { leftoverOf } from "../../frontend/src/leftover.js";
import { Score } from "../../frontend/src/stage/moment.js";
import { scalar } from "./graphs.js";
import { events, meetingGraph, meetingStep } from "./moments.js";

/** @param {object} [more] @param {object} [graph] @param {string[]} [open] */
function scoreOf(more = {}, graph = meetingGraph(), open = []) {
  const step = meetingStep(more.step);
  const visible = visibleOf(graph, hierarchyOf(graph), new Set(["", ...open]), step.lossNode);
  const segments = visible.segments.map((segment) => ({ segment, points: [], label: null, rail: false }));
  return new Score({ graph, step, segments, shownBy: visible.shownBy, leftover: new Map(), ...more.subject });
}

/** @param {Score} score @param {string} item */
function states(score, item) {
  return score.events.map((_, at) => score.look(item, { at, made: true }));
}

/** @param {string} text */
function plain(text) {
  return text.replaceAll("\u00a0", "");
}

test("an op is ahead until it is computed", () => {
  const score = scoreOf();
  const look = (/** @type {number} */ at, /** @type {boolean} */ made) => score.look("n2", { at, made }).ahead;
  assert.deepEqual([look(0, true), look(1, false), look(1, true), look(2, false)], [true, true, false, false]);
  assert.equal(score.look("n0", { at: 0, made: false }).ahead, false);
});

test("the sum builds part by part and is whole when it enters the node", () => {
  const sums = states(scoreOf(), "n1").map(({ sum }) => plain(sum));
  assert.deepEqual(sums.slice(3, 11), [
    "", "1.0 + ? + ? = ?", "1.0 + ? + ? = ?", "1.0 + ? + ? = ?", "1.0 + 6.0 + ? = ?", "1.0 + 6.0 + 6.0 = ?",
    "1.0 + 6.0 + 6.0 = 13.0", "1.0 + 6.0 + 6.0 = 13.0",
  ]);
});

test("what is missing in a sum keeps its room", () => {
  const lengths = new Set(states(scoreOf(), "n1").slice(4, 9).map(({ sum }) => sum.length));
  assert.equal(lengths.size, 1);
});

test("a leaf's gradient comes, and is emptied", () => {
  const looks = states(scoreOf(), "n0");
  assert.deepEqual(looks.slice(10).map(({ grad }) => grad), ["grad –", "grad 39.0", "grad 39.0", "grad –"]);
  assert.deepEqual(looks.slice(10).map(({ updated }) => updated), [false, false, true, true]);
  assert.deepEqual(looks.slice(10).map(({ now }) => now), ["receives", "backward", "update", "zero_grad"]);
});

test("a gradient of the step before stands there until it is replaced or cleared", () => {
  const score = scoreOf({ subject: { leftover: new Map([["n0", scalar(7)]]) } });
  assert.equal(score.look("n0", { at: 0, made: true }).grad, "grad 7.0");
  assert.equal(score.look("n0", { at: 11, made: true }).grad, "grad 39.0");
});

test("a line of two edges says one gradient, then the sum", () => {
  const score = scoreOf();
  const way = score.way("e1");
  assert.equal(way.length, 1);
  const { id, labelled } = way[0].segment;
  const look = (/** @type {number} */ at) => score.lineLook(id, labelled, { at, made: true });
  assert.deepEqual([look(6).back, look(7).back, look(7).label, look(8).label], [false, true, "6.0", null]);
  assert.deepEqual([look(0).ahead, look(1).ahead], [true, false]);
});

test("the seed begins backward", () => {
  const score = scoreOf();
  assert.deepEqual(score.moving(3), [SEED]);
  assert.equal(score.look(SEED, { at: 2, made: true }).ahead, true);
  assert.equal(score.look(SEED, { at: 4, made: true }).ahead, false);
});

test("a closed group counts; what is inside it is not visible by itself", () => {
  const groups = [{ id: "m", parent: null, kind: "module", label: "M", type: null, line: 1 }];
  const graph = meetingGraph(groups, { n1: { group: "m" }, n2: { group: "m" } });
  const score = scoreOf({}, graph);
  const inside = (/** @type {number} */ at) => {
    const { phase, done, all } = score.look("m", { at, made: true }).inside;
    return `${phase} ${done}/${all}`;
  };
  assert.deepEqual([inside(0), inside(1), inside(6), inside(9)], ["forward 1/2", "forward 2/2", "backward 1/2", "backward 2/2"]);
  assert.equal(score.isVisible(7), false);
  assert.equal(score.isVisible(9), false);
  assert.equal(score.isVisible(4), true);
  assert.deepEqual(score.way("e1"), []);
});

test("an edge into an opened group runs through its border in order", () => {
  const groups = [{ id: "m", parent: null, kind: "module", label: "M", type: null, line: 1 }];
  const graph = meetingGraph(groups, { n2: { group: "m" }, n3: { group: "m" } });
  const score = scoreOf({}, graph, ["m"]);
  const way = score.way("e1").map(({ segment: { from, to } }) => `${from.item ?? "|"}>${to.item ?? "|"}`);
  assert.deepEqual(way, ["n1>m", "|>n2"]);
});

test("what is left in .grad is what the step before did not clear", () => {
  const before = meetingStep({ events: events("forward:n1 backward:n0 update:n0") });
  const after = meetingStep({ index: 1 });
  assert.equal(leftoverOf(before, after).get("n0")?.values?.[0], 39);
  assert.equal(leftoverOf(meetingStep(), after).size, 0);
  assert.equal(leftoverOf(null, after).size, 0);
  assert.equal(leftoverOf(before, meetingStep({ index: 5 })).size, 0);
  const piled = { ...before, leafGrads: new Map([["n0", scalar(50)]]) };
  assert.equal(leftoverOf(piled, after).get("n0")?.values?.[0], 50);
});
