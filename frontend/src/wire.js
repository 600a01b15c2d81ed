/** The server's JSON -> plain objects with indices. Numbers are revived one step at a time. */

/**
 * @import {GraphAnswer, GraphModel, Scalars, Statistics, Step, StepModel, StepRecord} from "./model.d.ts"
 * @import {StreamMessage, Tensor} from "./model.d.ts"
 * @import {Graph, Step as StepSummary, TensorSummary} from "./contract.d.ts"
 */

const SPELLED = new Map([
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
]);

/** Bytes in memory for each character of JSON that was read: objects are larger than their text. */
const SWELLING = 3;

/**
 * @param {string} line of NDJSON
 * @returns {StreamMessage | null} null for a type that this page does not know
 * @throws {SyntaxError} when it is no JSON
 */
export function readLine(line) {
  const message = JSON.parse(line);
  if (message?.type === "graph") return { type: "graph", seq: message.seq, graph: indexGraph(message) };
  if (message?.type === "step") {
    return { type: "step", seq: message.seq, record: new SpelledStep(message, line.length * SWELLING) };
  }
  return plainMessage(message);
}

/**
 * @param {GraphAnswer} answer
 * @returns {Generator<StreamMessage>} the messages that would have said the same
 */
export function* messagesOf(answer) {
  let seq = 0;
  for (const graph of answer.graphs) yield { type: "graph", seq: (seq += 1), graph: indexGraph(graph) };
  for (const step of answer.steps) yield { type: "step", seq: (seq += 1), record: new SpelledStep(step, 0) };
  for (const binding of answer.bindings) yield { type: "binding", seq: (seq += 1), binding };
  for (const gradient of answer.gradients ?? []) yield { type: "gradient", seq: (seq += 1), gradient };
  for (const output of answer.output) yield { type: "output", seq: (seq += 1), output };
  for (const notice of answer.notices ?? []) yield { type: "notice", seq: (seq += 1), notice };
  if (answer.result) yield { type: "result", seq: (seq += 1), result: answer.result };
  if (answer.problem) yield { type: "problem", seq: (seq += 1), problem: answer.problem };
  yield { type: "done", seq: seq + 1, status: answer.status, timings: answer.timings };
}

/** @implements {StepRecord} */
class SpelledStep {
  #step;

  /**
   * @param {Step} step
   * @param {number} bytes
   */
  constructor(step, bytes) {
    this.index = step.index;
    this.graph = step.graph;
    this.loss = numberOf(step.loss);
    this.events = step.events.length;
    this.bytes = bytes;
    this.#step = step;
  }

  read() {
    return readStep(this.#step);
  }

  /**
   * @param {"value" | "gradient"} kind
   * @param {string} node
   * @returns {Statistics | null}
   */
  statistics(kind, node) {
    const { values, leaf_grads: leafGrads, grads } = this.#step;
    const found = kind === "value" ? values[node] : (leafGrads?.[node] ?? grads[node]);
    if (!found) return null;
    const { numel, mean, std, nan, inf } = found;
    return { numel, mean: numberOf(mean), std: numberOf(std), nan, inf };
  }
}

/**
 * The messages that both spellings share, but that JSON spells NaN and infinities.
 *
 * @param {any} message
 * @returns {StreamMessage | null}
 */
export function plainMessage(message) {
  const { type, seq, ...rest } = message ?? {};
  switch (type) {
    case "hello":
      return { type, seq, run: rest.run_id, attempt: rest.attempt, protocol: rest.protocol };
    case "scalars":
      return { type, seq, scalars: scalarsOf(rest) };
    case "binding":
      return { type, seq, binding: rest };
    case "gradient":
      return { type, seq, gradient: rest };
    case "output":
      return { type, seq, output: rest };
    case "result":
      return { type, seq, result: rest };
    case "notice":
      return { type, seq, notice: rest };
    case "problem":
      return { type, seq, problem: rest };
    case "progress":
      return { type, seq, progress: rest };
    case "skipped":
      return { type, seq: rest.last, steps: rest.steps, reason: rest.reason, scalars: rest.scalars.map(scalarsOf) };
    case "done":
      return { type, seq, status: rest.status, timings: rest.timings };
    case "error":
      return { type, code: rest.code, message: rest.message, hint: rest.hint, retryAfter: rest.retry_after };
    default:
      return null;
  }
}

/**
 * @param {any} message
 * @returns {Scalars}
 */
function scalarsOf({ index, loss, values, loops }) {
  const numbers = Object.entries(values).map(([name, value]) => [name, numberOf(value) ?? NaN]);
  return { index, loss: numberOf(loss), values: Object.fromEntries(numbers), loops };
}

/**
 * @param {Graph} graph
 * @returns {GraphModel}
 */
export function indexGraph(graph) {
  const { elements, bytes, parameters, saved_tensors, saved_bytes } = graph;
  /** @type {GraphModel} */
  const model = {
    id: graph.id,
    totals: { elements, bytes, parameters, saved_tensors, saved_bytes },
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
    brief: step.brief ?? false,
    outputs: reviveSeveral(step.outputs),
    grads: revive(step.grads),
    outputGrads: reviveSeveral(step.output_grads ?? {}),
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
function updateOf({ parameter, name, before, after, gradient, optimizer, hyperparameters, state }) {
  const read = (/** @type {TensorSummary | null | undefined} */ summary) => (summary ? tensorOf(summary) : null);
  return {
    parameter, name: name ?? null, optimizer: optimizer ?? null,
    before: read(before), after: read(after), gradient: read(gradient),
    hyperparameters: hyperparameters ?? {}, state: revive(state ?? {}),
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
 * @param {Record<string, (TensorSummary | null)[]>} several
 * @returns {Map<string, (Tensor | null)[]>}
 */
function reviveSeveral(several) {
  return new Map(Object.entries(several).map(([id, tensors]) => [id, tensors.map((one) => one && tensorOf(one))]));
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
