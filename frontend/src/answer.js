/** A run as the page holds it -> the answer of `POST /api/graph` that tells it, as text. */

/** @import {GraphModel, Run, StepModel, Tensor, Update} from "./model.d.ts" */

import { countText } from "./number.js";

/** Why a run has less than it had. @type {Record<string, string>} */
const UNFINISHED = { running: "what comes after: the run is not over", lost: "what came after the connection was lost" };

/**
 * @param {Run} run
 * @returns {string[]} what the snippet did and the page does not hold, in words
 */
export function missingOf(run) {
  const unfinished = UNFINISHED[run.status];
  const left = run.skipped + run.thinned;
  return [
    ...(left > 0 ? [`${countText(left, "step")} of ${(run.steps.length + left).toLocaleString("en-US")}`] : []),
    ...(run.looping ? ["the loop variables of each iteration"] : []),
    ...(unfinished ? [unfinished] : []),
  ];
}

/**
 * @param {Run} run
 * @returns {Generator<string>} parts of one JSON text: a long run's is longer than a string can be
 */
export function* answerParts(run) {
  const { status, output, result, problem, gradients, notices, timings } = run;
  yield `{"status": ${JSON.stringify(status)}, "missing": ${JSON.stringify(missingOf(run))},\n"graphs": [`;
  yield* listed([...run.graphs.values()], graphOf);
  yield '],\n"steps": [';
  yield* listed(run.steps, (record) => stepOf(record.read()));
  yield '],\n"scalars": [';
  yield* listed(scalarsOf(run), (scalars) => scalars);
  const bindings = run.bindings.map(({ nodes: _ours, ...binding }) => binding);
  const rest = { bindings, output, result, problem, gradients, gradcheck: null, notices, timings };
  yield `],\n${JSON.stringify(rest).slice(1)}\n`;
}

/**
 * @template Thing
 * @param {readonly Thing[]} things
 * @param {(thing: Thing) => unknown} read
 * @returns {Generator<string>}
 */
function* listed(things, read) {
  for (const [i, thing] of things.entries()) yield `${i > 0 ? "," : ""}\n${JSON.stringify(read(thing))}`;
}

/** @param {GraphModel} model */
function graphOf({ id, totals, nodes, edges, groups }) {
  return { id, ...totals, nodes: [...nodes.values()], edges: [...edges.values()], groups: [...groups.values()] };
}

/** @param {StepModel} step */
function stepOf(step) {
  const { index, graph, brief, events, loss, lossNode } = step;
  return {
    index, graph, brief, events,
    values: tensorsOf(step.values), outputs: severalOf(step.outputs),
    grads: tensorsOf(step.grads), output_grads: severalOf(step.outputGrads),
    edge_grads: tensorsOf(step.edgeGrads), leaf_grads: tensorsOf(step.leafGrads),
    loss: spelled(loss), loss_node: lossNode, updates: step.updates.map(updateOf),
  };
}

/** @param {Update} update */
function updateOf({ before, after, gradient, state, ...rest }) {
  const tensors = { before: tensorOf(before), after: tensorOf(after), gradient: tensorOf(gradient) };
  return { ...rest, ...tensors, state: tensorsOf(state) };
}

/** @param {ReadonlyMap<string, Tensor>} tensors */
function tensorsOf(tensors) {
  return Object.fromEntries([...tensors].map(([id, tensor]) => [id, tensorOf(tensor)]));
}

/** @param {ReadonlyMap<string, (Tensor | null)[]>} several */
function severalOf(several) {
  return Object.fromEntries([...several].map(([id, tensors]) => [id, tensors.map(tensorOf)]));
}

/** @param {Tensor | null} tensor */
function tensorOf(tensor) {
  return tensor && Object.fromEntries(Object.entries(tensor).map(([name, part]) => [name, spelled(part)]));
}

/**
 * @param {unknown} value
 * @returns {unknown} numbers that JSON cannot write are spelled, as the contract has them
 */
function spelled(value) {
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  return Array.isArray(value) ? value.map(spelled) : value;
}

/** @param {Run} run */
function scalarsOf({ curves }) {
  /** @type {Map<number, {index: number, loss: unknown, values: Record<string, unknown>, loops: {}}>} */
  const found = new Map();
  const at = (/** @type {number} */ index) => {
    const known = found.get(index) ?? { index, loss: null, values: {}, loops: {} };
    found.set(index, known);
    return known;
  };
  curves.loss?.steps.forEach((index, i) => {
    at(index).loss = spelled(curves.loss?.values[i]);
  });
  for (const { name, steps, values } of curves.of("scalar")) {
    steps.forEach((index, i) => {
      at(index).values[name] = spelled(values[i]);
    });
  }
  return [...found.values()].sort((a, b) => a.index - b.index);
}
