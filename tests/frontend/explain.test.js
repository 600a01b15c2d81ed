import assert from "node:assert/strict";
import { test } from "node:test";

import { chainRules } from "../../frontend/src/explain.js";
import { parse } from "../../frontend/src/expression.js";
import { hierarchyOf } from "../../frontend/src/layout/hierarchy.js";
import { summedText } from "../../frontend/src/stage/contribution.js";
import { sceneOf } from "../../frontend/src/stage/scene.js";
import { readStep } from "../../frontend/src/wire.js";
import { edges, node, runOf, scalar } from "./graphs.js";

/** @param {number[]} shape @param {number[] | null} values */
function tensor(shape, values) {
  const numel = shape.reduce((a, b) => a * b, 1);
  return { ...scalar(0), shape, numel, values, mean: 0, std: 1 };
}

/** `z = op(x, y)`: the first rule's terms. @param {string} text @param {object} held of x, y, z and the gradients into z and x */
function terms(text, { x, y = scalar(0), z = scalar(0), grad, result }) {
  const rule = { input: "self", target_input: 0, text, words: "", latex: "", source: "", kind: "formula" };
  const graph = {
    nodes: [node("n0"), node("n1"), node("n2", { inputs: ["self", "other"], derivatives: [rule] })],
    edges: edges("n0>n2 n1>n2"),
  };
  const step = {
    index: 0, graph: "g", events: [], outputs: {}, output_grads: {}, values: { n0: x, n1: y, n2: z }, grads: { n2: grad },
    edge_grads: { e0: result }, leaf_grads: {}, loss: null, loss_node: null, updates: [],
  };
  const run = runOf(graph, [step]);
  return chainRules(run.graphs.get("g").nodes.get("n2"), run.graphs.get("g"), readStep(step))[0].terms;
}

const line = (/** @type {{text: string}[]} */ all) => all.map(({ text }) => text).join(" ");

test("a scalar rule is filled in as it stands, with the parentheses that it needs", () => {
  const numbers = { x: scalar(2), y: scalar(5), z: scalar(0.5), grad: scalar(3), result: scalar(7) };
  assert.equal(line(terms("grad * other", numbers)), "= 3.0 \u00b7 5.0 = 7.0");
  assert.equal(line(terms("grad * (1 - result ** 2)", numbers)), "= 3.0 \u00b7 ( 1 \u2212 0.5 ^ 2 ) = 7.0");
  assert.equal(line(terms("-grad * self / other ** 2", numbers)), "= \u2212 3.0 \u00b7 2.0 / 5.0 ^ 2 = 7.0");
  assert.equal(line(terms("grad * self.cos()", numbers)), "= 3.0 \u00b7 cos( 2.0 ) = 7.0");
  assert.equal(line(terms("grad / (2 * result)", numbers)), "= 3.0 / ( 2 \u00b7 0.5 ) = 7.0");
  assert.equal(line(terms("grad * (result > 0)", numbers)), "= 3.0 \u00b7 [ 0.5 > 0 ] = 7.0");
  assert.equal(line(terms("grad", numbers)), "= 7.0");
});

test("small matrices are written out, a transposed one transposed", () => {
  const all = terms("grad @ other.mT", {
    x: tensor([2, 2], [1, 2, 3, 4]), y: tensor([2, 1], [5, 6]), grad: tensor([2, 1], [1, 1]), result: tensor([2, 2], [5, 6, 5, 6]),
  });
  assert.equal(line(all), "= [1.0; 1.0] @ [5.0, 6.0] = [5.0, 6.0; 5.0, 6.0]");
  assert.deepEqual(all.map(({ matrix }) => matrix), [undefined, [[1], [1]], undefined, [[5, 6]], undefined, [[5, 6], [5, 6]]]);
});

test("what broadcasting made is summed in sight", () => {
  const all = terms("(grad * other).sum(0)", {
    x: tensor([2], [1, 2]), y: tensor([2, 2], [1, 2, 3, 4]), grad: tensor([2, 2], [1, 1, 1, 1]), result: tensor([2], [4, 6]),
  });
  assert.equal(line(all), "= ( [1.0, 1.0; 1.0, 1.0] \u2299 [1.0, 2.0; 3.0, 4.0] ) summed over dim 0 = [4.0, 6.0]");
});

test("large tensors are told by their shapes", () => {
  const all = terms("grad @ other.mT", {
    x: tensor([4, 64], null), y: tensor([64, 256], null), grad: tensor([4, 256], null), result: tensor([4, 64], null),
  });
  assert.equal(line(all), "[4, 64] = [4, 256] @ [256, 64] , norm 16.0");
});

test("a rule that cannot be followed shows its result", () => {
  const all = terms("torch.zeros_like(self).scatter(0, result1, grad)", { x: scalar(2), grad: scalar(3), result: scalar(7) });
  assert.equal(line(all), "= 7.0");
});

test("rules are parsed as Python reads them, and nothing else is", () => {
  assert.deepEqual(parse("a - b - c"), {
    kind: "binary", sign: "-", right: { kind: "name", name: "c" },
    left: { kind: "binary", sign: "-", left: { kind: "name", name: "a" }, right: { kind: "name", name: "b" } },
  });
  assert.equal(parse("-a ** 2")?.kind, "unary");
  assert.equal(parse("x.mean([0, 2], keepdim=True)")?.kind, "call");
  assert.equal(parse("tensors[1] * 2")?.kind, "binary");
  for (const odd of ["", "a +", "a b", "f(", "a; b", "(a", "a.sum(0"]) assert.equal(parse(odd), null, odd);
});

test("an input that was broadcast says what is summed, in the rule and on the line", () => {
  const rule = { input: "other", target_input: 1, text: "grad.sum(0)", words: "", latex: "", source: "", kind: "formula" };
  const [plain, broadcast] = edges("n0>n2 n1>n2");
  const graph = {
    nodes: [node("n0"), node("n1", { names: ["b"] }), node("n2", { inputs: ["self", "other"], derivatives: [rule] })],
    edges: [{ ...plain, summed: [] }, { ...broadcast, summed: [0, 1] }],
  };
  const numbers = { n2: tensor([3, 4, 1], null) };
  const run = runOf(graph);
  const model = run.graphs.get("g");
  const step = readStep({
    index: 0, graph: "g", events: [], outputs: {}, values: numbers, grads: {}, edge_grads: { e0: scalar(1), e1: tensor([1], [12]) },
    leaf_grads: {}, loss: null, loss_node: null, updates: [],
  });
  const said = "summed over dim 0 and dim 1: [3, 4, 1] \u2192 [1]";
  assert.equal(chainRules(model.nodes.get("n2"), model, step)[0].summed, said);
  assert.equal(summedText(model.edges.get("e0"), step), "");
  const hierarchy = hierarchyOf(model);
  const { carried } = sceneOf(model, hierarchy, step, new Set([""]), { steady: false, room: 1000 });
  assert.deepEqual([...carried.values()].map(({ label, summed }) => [label.startsWith("\u03a3 "), summed]), [[false, ""], [true, said]]);
});
