/** `b = a*3; c = b*b; d = b + c` at a = 2, as the tracer tells it, for the tests of what a moment shows and says. */

import { edges, graphOf, node, scalar } from "./graphs.js";

export const LINES = [
  "a = torch.tensor(2.0, requires_grad=True)", "b = a * 3", "c = b * b", "d = b + c", "d.backward()", "a -= 0.1 * a.grad",
];

/** @param {number} line @param {number} column @param {number} end */
function at(line, column, end) {
  return { line, column, end_line: line, end_column: end };
}

/** @param {string} input @param {number} place @param {string} text */
function rule(input, place, text) {
  return { input, target_input: place, text, latex: "", source: "" };
}

/** @param {string} name @param {string | null} saved */
function kept(name, saved) {
  return { name, node: saved, output: 0, shape: null, dtype: null, text: null };
}

const PRODUCT = [rule("self", 0, "grad * other"), rule("other", 1, "grad * self")];

/** @param {object[]} [groups] @param {Record<string, object>} [more] fields of nodes */
export function meetingGraph(groups = [], more = {}) {
  const made = [
    ["n0", { kind: "leaf", op: "tensor", names: ["a"], ...at(1, 5, 42) }],
    ["n1", { op: "mul", names: ["b"], grad_fn: "MulBackward0", attributes: { other: 3 }, derivatives: [rule("self", 0, "grad * other")],
      saved: [kept("other", null)], ...at(2, 5, 10) }],
    ["n2", { op: "mul", names: ["c"], grad_fn: "MulBackward0", derivatives: PRODUCT, saved: [kept("other", "n1"), kept("self", "n1")],
      ...at(3, 5, 10) }],
    ["n3", { op: "add", names: ["d"], grad_fn: "AddBackward0", derivatives: [rule("self", 0, "grad"), rule("other", 1, "grad * alpha")],
      ...at(4, 5, 10) }],
  ];
  const nodes = made.map(([id, fields]) => node(id, { ...fields, ...more[id] }));
  return graphOf({ nodes, edges: edges("n0>n1 n1>n2 n1>n2 n1>n3 n2>n3"), groups });
}

/** @param {string} text `forward:n1 backward:e3` */
export function events(text) {
  return text.split(" ").map((word) => {
    const [phase, id = ""] = word.split(":");
    const line = { forward: Number(id.slice(1)) + 1, backward: 5, update: 6, zero_grad: 7 }[phase] ?? null;
    return { phase, node: id.startsWith("n") ? id : null, edge: id.startsWith("e") ? id : null, line };
  });
}

const ALL =
  "forward:n1 forward:n2 forward:n3 backward:n3 backward:e3 backward:e4 backward:n2 backward:e1 backward:e2 backward:n1 " +
  "backward:e0 backward:n0 update:n0 zero_grad:n0";

/** @param {object} [more] @returns {import("../../frontend/src/model.d.ts").StepModel} */
export function meetingStep(more = {}) {
  const numbers = (/** @type {Record<string, number>} */ record) =>
    new Map(Object.entries(record).map(([id, value]) => [id, scalar(value)]));
  return {
    index: 0, graph: "g", brief: false, outputs: new Map(), outputGrads: new Map(), leafGrads: new Map(), loss: 42, lossNode: "n3", backwardLine: 5,
    values: numbers({ n0: 2, n1: 6, n2: 36, n3: 42 }),
    grads: numbers({ n3: 1, n2: 1, n1: 13, n0: 39 }),
    edgeGrads: numbers({ e0: 39, e1: 6, e2: 6, e3: 1, e4: 1 }),
    events: events(ALL),
    updates: [{ parameter: "n0", name: "a", before: scalar(2), after: scalar(-1.9), gradient: scalar(39), optimizer: null }],
    ...more,
  };
}
