/** Graphs for the tests, as `POST /api/graph` would answer them. */

import { Recording } from "../../frontend/src/recording.js";
import { messagesOf } from "../../frontend/src/wire.js";

/** @param {string} id @param {object} [fields] */
export function node(id, fields = {}) {
  return {
    id, kind: "op", op: "add", grad_fn: null, names: [], line: null, column: null, end_line: null, end_column: null, group: null,
    is_leaf: false, requires_grad: true, is_parameter: false, outputs: 1, inputs: [], attributes: {}, saved: [], next_functions: [],
    derivatives: [], reason: null, ...fields,
  };
}

/** @param {string} text `n0>n1 n1>n2` */
export function edges(text) {
  const inputs = new Map();
  return text.split(" ").map((pair, i) => {
    const [source, target] = pair.split(">");
    const place = inputs.get(target) ?? 0;
    inputs.set(target, place + 1);
    return { id: `e${i}`, source, target, source_output: 0, target_input: place };
  });
}

/** @param {object} graph @param {object[]} [steps] @param {string} [status] */
export function recordingOf(graph, steps = [], status = "ok") {
  const recording = new Recording("");
  const answer = {
    status, graphs: [{ id: "g", groups: [], ...graph }], bindings: [], output: [], result: null, problem: null, notices: [],
    steps: steps.map((step, index) => ({ index, graph: "g", events: [], values: {}, outputs: {}, grads: {}, edge_grads: {}, updates: [], ...step })),
    timings: { queue: 0, run: 0, trace: 0, encode: 0, total: 0 },
  };
  for (const message of messagesOf(answer)) if (message.type !== "done" || status !== "running") recording.take(message);
  return recording;
}

/** @param {object} graph @param {object[]} [steps] */
export function runOf(graph, steps = []) {
  return recordingOf(graph, steps).snapshot();
}

/** @param {object} graph */
export function graphOf(graph) {
  return runOf(graph).graphs.get("g");
}

/** @param {number} value */
export function scalar(value) {
  return {
    shape: [], dtype: "torch.float32", device: "cpu", numel: 1, min: value, max: value, mean: value, std: null, nan: 0, inf: 0,
    values: [value], thumb: null,
  };
}

/** A chain of so many ops. @param {number} length */
export function chain(length) {
  const nodes = Array.from({ length }, (_, i) => node(`n${i}`));
  return graphOf({ nodes, edges: edges(Array.from({ length: length - 1 }, (_, i) => `n${i}>n${i + 1}`).join(" ")) });
}
