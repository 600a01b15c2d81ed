import assert from "node:assert/strict";
import { test } from "node:test";

import { chainRules } from "../../frontend/src/explain.js";
import { chipsOf, repeats, Widths } from "../../frontend/src/panels/marks.js";
import { cardOf } from "../../frontend/src/stage/card.js";
import { cut, textWidth } from "../../frontend/src/stage/text.js";
import { segmentLabel, sumText } from "../../frontend/src/stage/contribution.js";
import { hierarchyOf } from "../../frontend/src/layout/hierarchy.js";
import { numberOf } from "../../frontend/src/wire.js";
import { edges, node, runOf, scalar } from "./graphs.js";

/** b = a * 3; c = b * b; d = b + c at a = 2. */
function meeting() {
  const rule = (/** @type {number} */ input, /** @type {string} */ name, /** @type {string} */ text) => ({
    input: name, target_input: input, text, latex: "x", source: "derivatives.yaml: mul.Tensor",
  });
  const graph = {
    nodes: [
      node("n0", { kind: "leaf", op: "tensor", names: ["a"], line: 1 }),
      node("n1", { op: "mul", names: ["b"], line: 2, attributes: { other: 3 }, derivatives: [rule(0, "self", "grad * 3")], inputs: ["self"] }),
      node("n2", { op: "mul", names: ["c"], line: 3, derivatives: [rule(0, "self", "grad * other"), rule(1, "other", "grad * self")], inputs: ["self", "other"] }),
      node("n3", { op: "add", names: ["d"], line: 4, derivatives: [rule(1, "other", "grad")], inputs: ["self", "other"] }),
    ],
    edges: edges("n0>n1 n1>n2 n1>n2 n1>n3 n2>n3"),
  };
  const step = {
    index: 0, graph: "g", events: [{ phase: "backward", node: "n3", edge: null, line: 5 }], outputs: {}, output_grads: {},
    values: { n0: scalar(2), n1: scalar(6), n2: scalar(36), n3: scalar(42) },
    grads: { n0: scalar(39), n1: scalar(13), n2: scalar(1), n3: scalar(1) },
    edge_grads: { e0: scalar(39), e1: scalar(6), e2: scalar(6), e3: scalar(1), e4: scalar(1) },
    leaf_grads: {}, loss: 42, loss_node: "n3", updates: [],
  };
  const run = runOf(graph, [step]);
  return { run, graph: run.graphs.get("g"), step: run.steps[0].read() };
}

const segment = (/** @type {string[]} */ ...own) => ({ id: "s", container: "", from: {}, to: {}, edges: own, labelled: own });

test("where gradients meet, their sum is written out", () => {
  const { graph, step } = meeting();
  assert.equal(sumText("n1", graph, step), "6.0 + 6.0 + 1.0 = 13.0");
  assert.equal(sumText("n2", graph, step), "");
});

test("a line's label is the derivative where it is the whole, else the contribution", () => {
  const { graph, step } = meeting();
  assert.equal(segmentLabel(segment("e0"), graph, step, true), "\u2202d/\u2202a 39.0");
  assert.equal(segmentLabel(segment("e3"), graph, step, true), "+ 1.0");
  assert.equal(segmentLabel(segment("e1", "e2"), graph, step, true), "6.0 + 6.0");
  assert.equal(segmentLabel(segment("e0"), graph, step, false), "39.0");
});

test("the chain rule is filled with the numbers of the run", () => {
  const { graph, step } = meeting();
  const text = (/** @type {string} */ id) =>
    chainRules(graph.nodes.get(id), graph, step).map(({ terms }) => terms.map((term) => term.text).join(" "));
  assert.deepEqual(text("n1"), ["= 13.0 \u00b7 3 = 39.0"]);
  assert.deepEqual(text("n2"), ["= 1.0 \u00b7 6.0 = 6.0", "= 1.0 \u00b7 6.0 = 6.0"]);
  assert.deepEqual(text("n3"), ["= 1.0"]);
});

test("a rule with words that are no numbers shows only its result", () => {
  const { graph, step } = meeting();
  const odd = { ...graph.nodes.get("n1"), derivatives: [{ input: "self", target_input: 0, text: "grad where it rains", latex: "", source: "" }] };
  assert.deepEqual(chainRules(odd, graph, step)[0].terms.map((term) => term.text), ["=", "39.0"]);
});

test("the gradients of the leaves stand beside the line of backward", () => {
  const { run, graph, step } = meeting();
  const chips = chipsOf({ ...run, bindings: [{ line: 2, name: "b", type_name: "Tensor", text: "6.0", grad_fn: "MulBackward0", nodes: new Map([["g", "n1"]]) }] },
    { graph, step }, ["a = torch.tensor(2.0)", "b = a * 3"]);
  assert.deepEqual(chips, [
    { line: 2, role: "value", parts: [{ name: "b", value: "6.0", tail: "MulBackward0" }] },
    { line: 5, role: "grad", parts: [{ name: "a.grad", value: "39.0", tail: "" }] },
  ]);
});

test("values of lines are shown without any tensor, and a line's tensor in the step that is shown", () => {
  const { run, graph, step } = meeting();
  const binding = { line: 1, name: "n", type_name: "int", text: "7", grad_fn: null, nodes: new Map() };
  assert.deepEqual(chipsOf({ ...run, bindings: [binding] }, null, ["n = 3 + 4"])[0].parts[0].value, "7");
  assert.deepEqual(chipsOf({ ...run, bindings: [binding] }, null, ["n = 7"]), []);
  const tensor = { ...binding, type_name: "Tensor", text: "99.0", nodes: new Map([["g", "n1"], ["another", "n0"]]) };
  const chip = (/** @type {object} */ shown) => chipsOf({ ...run, bindings: [tensor] }, shown, ["b = a * 3"])[0].parts[0].value;
  assert.equal(chip({ graph, step }), "6.0");
  assert.equal(chip({ graph: { ...graph, id: "another" }, step }), "2.0");
  assert.equal(chip({ graph: { ...graph, id: "without it" }, step }), "99.0");
});

test("a number beside a line is that of the iteration that is shown, where it was told", () => {
  const { run, graph, step } = meeting();
  const { curves } = run;
  for (const index of [0, 1]) curves.addScalars({ index, loss: null, values: { total: 1.5 + index, n: -4 }, loops: { i: 10 * index } });
  const texts = (/** @type {number} */ index) =>
    [["total", "float"], ["n", "int"], ["i", "int"], ["later", "float"], ["total", "str"]].map(([name, type]) => {
      const binding = { line: 1, name, type_name: type, text: "last", grad_fn: null, nodes: new Map() };
      return chipsOf({ ...run, bindings: [binding] }, { graph, step: { ...step, index } }, ["?"])[0].parts[0].value;
    });
  assert.deepEqual(texts(0), ["1.5", "-4", "0", "last", "last"]);
  assert.deepEqual(texts(1), ["2.5", "-4", "10", "last", "last"]);
  assert.deepEqual(texts(2), ["last", "last", "last", "last", "last"]);
});

test("a chip gets no narrower within a run", () => {
  const widths = new Widths();
  const chip = (/** @type {string} */ value, line = 1) => ({ line, role: "value", parts: [{ name: "w", value, tail: "AddBackward0" }] });
  const width = (/** @type {number} */ run, /** @type {object} */ chips) => widths.keep([chips], run)[0].width;
  assert.equal(width(1, chip("5.0")), "w 5.0 \u00b7 AddBackward0".length);
  assert.equal(width(1, chip("5.0625")), "w 5.0625 \u00b7 AddBackward0".length);
  assert.equal(width(1, chip("5.0")), "w 5.0625 \u00b7 AddBackward0".length);
  assert.equal(width(1, chip("5.0", 2)), "w 5.0 \u00b7 AddBackward0".length);
  assert.equal(width(2, chip("5.0")), "w 5.0 \u00b7 AddBackward0".length);
});

test("a line that says the value itself gets no chip", () => {
  assert.equal(repeats("a = torch.tensor(2.0, requires_grad=True)", "2.0"), true);
  assert.equal(repeats("lr = 0.1", "0.1"), true);
  assert.equal(repeats("y = a + b", "5.0"), false);
  assert.equal(repeats("x2 = f(12)", "2.0"), false);
});

test("a card says what its node is, and is as wide as what it says", () => {
  const { graph, step } = meeting();
  const scene = { graph, hierarchy: hierarchyOf(graph), step, steady: false, compact: false };
  const leaf = cardOf("n0", scene);
  assert.deepEqual([leaf.title, leaf.value, leaf.grad, leaf.tag], ["a", "2.0", "grad 39.0", "leaf \u00b7 requires_grad"]);
  const op = cardOf("n1", scene);
  assert.ok(op.width >= 62 + textWidth(op.sum, 12));
  const renamed = { ...graph, nodes: new Map(graph.nodes).set("n0", { ...graph.nodes.get("n0"), names: ["a".repeat(300)] }) };
  assert.ok(cardOf("n0", { ...scene, graph: renamed }).width < 500);
});

test("wide letters count twice, and long texts are cut between letters", () => {
  assert.equal(textWidth("\u6f22", 10), 2 * textWidth("a", 10));
  assert.equal(cut("a\u{1f600}b", 2), "a\u2026");
});

test("NaN and infinities come out of JSON as numbers", () => {
  assert.ok(Number.isNaN(numberOf("NaN")));
  assert.equal(numberOf("-Infinity"), -Infinity);
  assert.equal(numberOf("12"), null);
});

test("a parameter that two modules hold is called by both names", () => {
  const names = ["embedding.weight", "head.weight"];
  const graph = { nodes: [node("n0", { kind: "leaf", op: "tensor", names, is_parameter: true })], edges: [] };
  const step = {
    index: 0, graph: "g", events: [], outputs: {}, output_grads: {}, values: { n0: scalar(2) }, grads: {}, edge_grads: {},
    leaf_grads: {}, loss: null, loss_node: null, updates: [],
  };
  const run = runOf(graph, [step]);
  const shown = run.graphs.get("g");
  const look = { graph: shown, hierarchy: hierarchyOf(shown), step: run.steps[0].read(), steady: false, room: 900 };
  assert.equal(cardOf("n0", look).title, "embedding.weight = head.weight");
});
