/** The server's JSON answer -> plain objects with indices. Numbers are revived one step at a time. */

/**
 * @import {GraphAnswer, GraphModel, Run, Step, StepModel, Tensor} from "./model.d.ts"
 * @import {Graph, Step as StepSummary, TensorSummary} from "./contract.d.ts"
 */

const SPELLED = new Map([
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
]);

/**
 * @param {GraphAnswer} answer
 * @param {string} [code] the snippet
 * @returns {Run}
 */
export function readAnswer(answer, code = "") {
  return {
    lines: code.split("\n"),
    status: answer.status,
    graphs: new Map(answer.graphs.map((graph) => [graph.id, indexGraph(graph)])),
    steps: answer.steps,
    bindings: answer.bindings,
    gradients: answer.gradients ?? [],
    output: answer.output,
    result: answer.result ?? null,
    problem: answer.problem ?? null,
    notices: answer.notices ?? [],
    timings: answer.timings,
  };
}

/**
 * @param {Graph} graph
 * @returns {GraphModel}
 */
function indexGraph(graph) {
  /** @type {GraphModel} */
  const model = {
    id: graph.id,
    nodes: new Map(graph.nodes.map((node) => [node.id, node])),
    edges: new Map(graph.edges.map((edge) => [edge.id, edge])),
    groups: new Map(graph.groups.map((group) => [group.id, group])),
    into: new Map(graph.nodes.map((node) => [node.id, []])),
    outOf: new Map(graph.nodes.map((node) => [node.id, []])),
  };
  for (const edge of graph.edges) {
    model.into.get(edge.target)?.push(edge);
    model.outOf.get(edge.source)?.push(edge);
  }
  for (const edges of model.into.values()) edges.sort((a, b) => (a.target_input ?? 0) - (b.target_input ?? 0));
  return model;
}

/**
 * @param {Step} step
 * @returns {StepModel}
 */
export function readStep(step) {
  return {
    index: step.index,
    graph: step.graph,
    values: revive(step.values),
    outputs: new Map(Object.entries(step.outputs).map(([id, tensors]) => [id, tensors.map((t) => t && tensorOf(t))])),
    grads: revive(step.grads),
    edgeGrads: revive(step.edge_grads),
    leafGrads: revive(step.leaf_grads ?? {}),
    loss: numberOf(step.loss),
    lossNode: step.loss_node ?? null,
    backwardLine: step.events.find((event) => event.phase === "backward" && event.line)?.line ?? null,
    events: step.events,
    updates: (step.updates ?? []).map(updateOf),
  };
}

/**
 * @param {NonNullable<StepSummary["updates"]>[number]} update
 * @returns {import("./model.d.ts").Update}
 */
function updateOf({ parameter, name, before, after, gradient, optimizer }) {
  const read = (/** @type {TensorSummary | null | undefined} */ summary) => (summary ? tensorOf(summary) : null);
  return {
    parameter, name: name ?? null, optimizer: optimizer ?? null,
    before: read(before), after: read(after), gradient: read(gradient),
  };
}

/**
 * @param {Record<string, TensorSummary>} tensors
 * @returns {Map<string, Tensor>}
 */
function revive(tensors) {
  return new Map(Object.entries(tensors).map(([id, tensor]) => [id, tensorOf(tensor)]));
}

/**
 * @param {TensorSummary} summary
 * @returns {Tensor}
 */
export function tensorOf(summary) {
  return {
    shape: summary.shape,
    dtype: summary.dtype,
    device: summary.device,
    numel: summary.numel,
    min: numberOf(summary.min),
    max: numberOf(summary.max),
    mean: numberOf(summary.mean),
    std: numberOf(summary.std),
    nan: summary.nan ?? 0,
    inf: summary.inf ?? 0,
    values: summary.values?.map(elementOf) ?? null,
    thumb: summary.thumb?.map((row) => row.map((value) => numberOf(value) ?? NaN)) ?? null,
  };
}

/**
 * @param {unknown} value
 * @returns {number | [number, number]}
 */
function elementOf(value) {
  if (Array.isArray(value)) return [numberOf(value[0]) ?? NaN, numberOf(value[1]) ?? NaN];
  return numberOf(value) ?? NaN;
}

/**
 * @param {unknown} value a number, or "NaN", "Infinity", "-Infinity", which JSON cannot write as numbers
 * @returns {number | null}
 */
export function numberOf(value) {
  if (typeof value === "number") return value;
  return typeof value === "string" ? (SPELLED.get(value) ?? null) : null;
}
