import assert from "node:assert/strict";
import { test } from "node:test";

import { Curves, norm, Series } from "../../frontend/src/curves.js";
import { align, firstOdd, inWords, LINES, logHelps, reach, sample, seriesOf } from "../../frontend/src/panels/lines.js";
import { graphOf, node } from "./graphs.js";

/** @param {number} index @param {number | null} loss @param {Record<string, number>} [values] @param {Record<string, number>} [loops] */
function scalars(index, loss, values = {}, loops = {}) {
  return { index, loss, values, loops };
}

/** @param {number[]} values @param {string} [name] */
function series(values, name = "loss") {
  const made = new Series("loss", name, false);
  values.forEach((value, step) => made.set(step, value));
  return made;
}

test("numbers may come late and twice, and stay in order", () => {
  const made = new Series("loss", "loss", false);
  for (const [step, value] of [[0, 5], [3, 2], [1, 4], [3, 2.5], [2, 3], [200, 1]]) made.set(step, value);
  assert.deepEqual([...made.steps], [0, 1, 2, 3, 200]);
  assert.deepEqual([...made.values], [5, 4, 3, 2.5, 1]);
  assert.equal(made.at(3), 2.5);
  assert.equal(made.at(4), undefined);
});

test("a hundred thousand points grow in place", () => {
  const made = series(Array.from({ length: 100_000 }, (_, i) => i));
  assert.equal(made.length, 100_000);
  assert.equal(made.at(77_777), 77_777);
});

test("memory stays bounded: long series lose every second point, never their ends, and short ones stay whole", () => {
  const curves = new Curves(1000);
  curves.addScalars(scalars(0, null, { rare: 1 }));
  curves.addScalars(scalars(5, null, { rare: 2 }));
  for (let i = 0; i < 10_000; i += 1) curves.addScalars(scalars(i, i));
  assert.ok(curves.points <= 1000);
  const { loss } = curves;
  assert.equal(loss.steps[0], 0);
  assert.equal(loss.last, 9999);
  assert.deepEqual([...loss.steps], [...loss.values]);
  const rare = curves.of("scalar").find(({ name }) => name === "rare");
  assert.deepEqual([...rare.steps], [0, 5]);
});

test("the norm comes from mean and standard deviation", () => {
  const values = [3, -4, 12, 0.5];
  const mean = values.reduce((sum, v) => sum + v, 0) / 4;
  const std = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 3);
  const exact = Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
  assert.ok(Math.abs(norm({ numel: 4, mean, std, nan: 0, inf: 0 }) - exact) < 1e-12);
  assert.equal(norm({ numel: 1, mean: -3, std: null, nan: 0, inf: 0 }), 3);
  assert.ok(Number.isNaN(norm({ numel: 4, mean: 1, std: 1, nan: 1, inf: 0 })));
  assert.equal(norm({ numel: 4, mean: 1, std: 1, nan: 0, inf: 2 }), Infinity);
  assert.equal(norm({ numel: 0, mean: null, std: null, nan: 0, inf: 0 }), null);
});

test("parameters of equal names are told apart by their modules", () => {
  const leaf = (/** @type {string} */ id, /** @type {string} */ group) => node(id, { kind: "leaf", names: ["weight"], group });
  const groups = [
    { id: "g0", parent: null, kind: "module", label: "net" },
    { id: "g1", parent: "g0", kind: "module", label: "0" },
    { id: "g2", parent: "g0", kind: "module", label: "2" },
  ];
  const graph = graphOf({ nodes: [leaf("n0", "g1"), leaf("n1", "g2"), node("n2", { kind: "leaf", names: ["b"] })], edges: [], groups });
  const curves = new Curves();
  const found = { numel: 1, mean: 2, std: null, nan: 0, inf: 0 };
  curves.addStep({ index: 0, graph: "g", loss: 1, statistics: () => found }, graph);
  assert.deepEqual(curves.of("parameter").map(({ name }) => name), ["net.0.weight", "net.2.weight", "b"]);
});

test("a leaf that an evaluation reads once more after its update is no other line", () => {
  const graph = graphOf({ nodes: ["tensor", "updated"].map((op, i) => node(`n${i}`, { kind: "leaf", op, names: ["w"] })), edges: [] });
  const curves = new Curves();
  curves.addStep({ index: 0, graph: "g", loss: 1, statistics: () => ({ numel: 1, mean: 2, std: null, nan: 0, inf: 0 }) }, graph);
  assert.deepEqual(curves.of("parameter").map(({ name }) => name), ["w"]);
});

test("what never changes, the loop's own counter and the loss under its name are no numbers of the snippet's own", () => {
  const curves = new Curves();
  for (let i = 0; i < 5; i += 1) curves.addScalars(scalars(i, 10 - i, { lr: 0.1, epoch: i, loss: 10 - i, accuracy: i / 5 }, { epoch: i }));
  assert.deepEqual(seriesOf(curves, "numbers").map(({ name }) => name), ["accuracy"]);
  assert.deepEqual(seriesOf(curves, "parameters"), []);
});

test("a parameter is no number of the snippet's own, and its name tells what the steps do not", () => {
  const graph = graphOf({ nodes: [node("n0", { kind: "leaf", names: ["w"] })], edges: [], groups: [] });
  const curves = new Curves();
  const found = { numel: 1, mean: 2, std: null, nan: 0, inf: 0 };
  curves.addStep({ index: 0, graph: "g", loss: 1, statistics: () => found }, graph);
  assert.deepEqual(seriesOf(curves, "parameters").map(({ name, length }) => [name, length]), [["w", 1]]);
  for (let i = 0; i < 5; i += 1) curves.addScalars(scalars(i, null, { w: i, accuracy: i / 5 }, {}));
  assert.deepEqual(seriesOf(curves, "parameters").map(({ name, length }) => [name, length]), [["w", 5]]);
  assert.deepEqual(seriesOf(curves, "numbers").map(({ name }) => name), ["accuracy"]);
});

test("lines over different steps share one axis, and what cannot be drawn is left out", () => {
  const a = { steps: [0, 1, 3], values: [1, NaN, 0] };
  const b = { steps: [1, 2], values: [7, -8] };
  assert.deepEqual(align([a, b], false), { xs: [1, 2, 3, 4], ys: [[1, null, null, 0], [null, 7, -8, null]] });
  assert.deepEqual(align([a, b], true).ys, [[1, null, null, null], [null, 7, null, null]]);
  assert.deepEqual(align([], false), { xs: [], ys: [] });
});

test("a scale of powers is for what is positive and wide", () => {
  assert.equal(logHelps([series([1000, 1])]), true);
  assert.equal(logHelps([series([50, 1])]), false);
  assert.equal(logHelps([series([1000, 0])]), false);
  assert.equal(logHelps([series([1000, NaN, 1])]), true);
});

test("of many lines some are shown, from the first to the last", () => {
  const all = Array.from({ length: 150 }, (_, i) => i);
  const shown = sample(all);
  assert.equal(shown.length, LINES);
  assert.equal(shown[0], 0);
  assert.equal(shown.at(-1), 149);
  assert.deepEqual(sample([1, 2]), [1, 2]);
});

test("a loss that is no number is said", () => {
  assert.deepEqual(firstOdd(series([1, 2, NaN, NaN])), { step: 2, word: "NaN" });
  assert.deepEqual(firstOdd(series([1, Infinity])), { step: 1, word: "∞" });
  assert.equal(firstOdd(series([1])), null);
  assert.equal(inWords(series([4, 1, 2])), "loss over 3 points: from 4.0 to 2.0, lowest 1.0 at step 2, highest 4.0 at step 1");
  assert.match(inWords(series([4, NaN])), /NaN from step 2 on$/);
});

test("an axis ends where the run will, once that is in sight, and else where what came can be seen", () => {
  assert.equal(reach(50, 0), 50);
  assert.equal(reach(3, 10), 10);
  assert.equal(reach(5, 100), 100);
  assert.equal(reach(100, 100), 100);
  assert.equal(reach(120, 100), 120);
  assert.equal(reach(1, 1_000_000), 10);
  assert.equal(reach(26, 1_000_000), 100);
  assert.equal(reach(4_000, 1_000_000), 10_000);
  assert.equal(reach(49_999, 1_000_000), 100_000);
  assert.equal(reach(50_000, 1_000_000), 1_000_000);
});

test("several losses in turn are a line each, and one under two names is one", () => {
  const turns = new Curves();
  for (let i = 0; i < 6; i += 1) {
    const [fit, penalty] = [10 - (i >> 1), 1 / (1 + (i >> 1))];
    turns.addScalars(scalars(i, i % 2 ? penalty : fit, { fit, penalty, lr: 0.1, last: i % 2 ? penalty : 7 }));
  }
  assert.deepEqual(seriesOf(turns, "loss").map(({ name }) => name), ["loss"], "penalty and last cannot be told apart");
  const clear = new Curves();
  for (let i = 0; i < 6; i += 1) {
    const [fit, penalty] = [10 - (i >> 1), 1 / (1 + (i >> 1))];
    clear.addScalars(scalars(i, i % 2 ? penalty : fit, { fit, penalty, lr: 0.1 }));
  }
  assert.deepEqual(seriesOf(clear, "loss").map(({ name, length }) => [name, length]), [["fit", 6], ["penalty", 6]]);
  assert.deepEqual(seriesOf(clear, "numbers"), []);
  const alias = new Curves();
  for (let i = 0; i < 6; i += 1) alias.addScalars(scalars(i, 6 - i, { loss: 6 - i, best: 6 - i, total: i }));
  assert.deepEqual(seriesOf(alias, "loss").map(({ name }) => name), ["loss"]);
});
