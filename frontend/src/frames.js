/** MessagePack frames -> messages. A step's numbers stay in its frame until they are wanted. */

/**
 * @import {Step, StepModel, StepRecord, StreamMessage, Tensor, Update} from "./model.d.ts"
 * @import {Buffers, EventRow, GraphFrame, Slot, UpdateRow} from "./slots.js"
 */

import { Decoder } from "../vendor/msgpack.js";
import { Plan, SLOT_KINDS } from "./slots.js";
import { indexGraph, plainMessage } from "./wire.js";

/**
 * @typedef {object} StepFrame
 * @property {number} index
 * @property {string} graph
 * @property {Uint8Array} floats little-endian float32
 * @property {Uint8Array} doubles little-endian float64
 * @property {boolean} brief
 * @property {number | null} loss
 * @property {number | null} loss_node
 * @property {[string, Record<string, unknown>][]} optimizers name, hyperparameters
 * @property {EventRow[] | null} events null: those of the graph
 * @property {UpdateRow[] | null} updates likewise
 */

/** @type {Step["events"][number]["phase"][]} */
const PHASES = ["forward", "backward", "update", "zero_grad"];
/** What a step holds beside its frame: objects and views. */
const OVERHEAD = 500;

/** @type {Map<string, Tensor>} */
const NONE = new Map();
const DECODER = new Decoder();

/** Reads one run's frames, in order: a step is laid out by a graph that came before. */
export class FrameReader {
  /** @type {Map<string, Plan>} */
  #plans = new Map();

  /**
   * @param {ArrayBuffer} frame kept by the step that is read out of it
   * @returns {StreamMessage | null} null for a type that this page does not know
   * @throws {Error} when it is no message
   */
  read(frame) {
    const message = /** @type {any} */ (DECODER.decode(frame));
    if (message?.type === "graph") return { type: "graph", seq: message.seq, graph: this.#graph(message) };
    if (message?.type === "step") return { type: "step", seq: message.seq, record: this.#step(message, frame) };
    return plainMessage(message);
  }

  /** @param {GraphFrame} message */
  #graph(message) {
    for (const node of message.nodes) node.attributes = spelled(node.attributes);
    this.#plans.set(message.id, new Plan(message));
    return indexGraph(message);
  }

  /**
   * @param {StepFrame} step
   * @param {ArrayBuffer} frame
   */
  #step(step, frame) {
    const plan = this.#plans.get(step.graph);
    if (!plan) throw new Error(`step ${step.index} is of a graph that did not come: ${step.graph}`);
    return new FramedStep(step, frame, plan);
  }
}

/**
 * @param {any} value
 * @returns {any} numbers that JSON cannot write are spelled, as the contract has them
 */
function spelled(value) {
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (Array.isArray(value)) return value.map(spelled);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, spelled(one)]));
}

/** @implements {StepRecord} */
class FramedStep {
  #frame;
  #plan;
  #packed;
  #layout;

  /**
   * @param {StepFrame} step
   * @param {ArrayBuffer} frame
   * @param {Plan} plan
   */
  constructor({ index, graph, loss, events, floats, doubles, brief }, frame, plan) {
    this.index = index;
    this.graph = graph;
    this.loss = loss;
    this.events = (events ?? plan.events).length;
    this.bytes = frame.byteLength + OVERHEAD;
    this.#frame = frame;
    this.#plan = plan;
    this.#packed = { floats, doubles };
    this.#layout = plan.layout(brief);
  }

  /**
   * @param {"value" | "gradient"} kind
   * @param {string} node
   */
  statistics(kind, node) {
    const read = (/** @type {number} */ k) => {
      const [place = -1] = this.#plan.places[k]?.get(node) ?? [];
      return this.#layout[place]?.statistics(this.#packed) ?? null;
    };
    return kind === "value" ? read(SLOT_KINDS.value) : (read(SLOT_KINDS.leafGrad) ?? read(SLOT_KINDS.grad));
  }

  /** @returns {StepModel} */
  read() {
    const step = /** @type {StepFrame} */ (/** @type {unknown} */ (DECODER.decode(this.#frame)));
    const buffers = { floats: aligned(step.floats, Float32Array), doubles: aligned(step.doubles, Float64Array) };
    const { index, graph, loss } = this;
    const events = (step.events ?? this.#plan.events).map((row) => this.#event(row));
    const tensors = this.#plan.places.map((places) => this.#firsts(places, buffers));
    const [values = NONE, grads = NONE, edgeGrads = NONE, leafGrads = NONE, after = NONE] = tensors;
    const rows = step.updates ?? this.#plan.updates;
    return {
      index, graph, loss, events, values, grads, edgeGrads, leafGrads,
      brief: step.brief,
      outputs: this.#several(SLOT_KINDS.value, buffers),
      outputGrads: this.#several(SLOT_KINDS.grad, buffers),
      lossNode: this.#plan.nodes[step.loss_node ?? -1]?.id ?? null,
      backwardLine: events.find((event) => event.phase === "backward" && event.line)?.line ?? null,
      updates: rows.map((row) => this.#update(row, step, { values, grads, leafGrads, after }, buffers)),
    };
  }

  /** @param {EventRow} row */
  #event([phase, target, line]) {
    const { nodes, edges } = this.#plan;
    return {
      phase: PHASES[phase] ?? "forward", line: line || null,
      node: nodes[target]?.id ?? null, edge: edges[-1 - target]?.id ?? null,
    };
  }

  /**
   * @param {UpdateRow} row
   * @param {StepFrame} step
   * @param {Record<"values" | "grads" | "leafGrads" | "after", Map<string, Tensor>>} tensors
   * @param {Buffers} buffers
   * @returns {Update}
   */
  #update([place, name, by, kept], { optimizers }, { values, grads, leafGrads, after }, buffers) {
    const parameter = this.#plan.nodes[place]?.id ?? "";
    const [optimizer = null, hyperparameters = {}] = by === null ? [] : (optimizers[by] ?? []);
    const slots = this.#slots(SLOT_KINDS.state, parameter);
    const state = slots.map((slot) => /** @type {const} */ ([kept[slot.output] ?? "", slot.read(buffers)]));
    return {
      parameter, name, optimizer, hyperparameters: spelled(hyperparameters),
      before: values.get(parameter) ?? null, after: after.get(parameter) ?? null,
      gradient: leafGrads.get(parameter) ?? grads.get(parameter) ?? null,
      state: new Map(/** @type {[string, Tensor][]} */ (state.filter(([, tensor]) => tensor !== null))),
    };
  }

  /**
   * @param {number} kind
   * @param {string} id
   * @returns {Slot[]}
   */
  #slots(kind, id) {
    const places = this.#plan.places[kind]?.get(id) ?? [];
    return places.map((place) => /** @type {Slot} */ (this.#layout[place]));
  }

  /**
   * @param {number} kind
   * @param {Buffers} buffers
   * @returns {Map<string, (Tensor | null)[]>} of nodes with several outputs
   */
  #several(kind, buffers) {
    const found = new Map();
    for (const { id, outputs } of this.#plan.nodes) {
      if (outputs < 2) continue;
      const tensors = new Array(outputs).fill(null);
      for (const slot of this.#slots(kind, id)) tensors[slot.output] = slot.read(buffers);
      if (tensors.some((tensor) => tensor !== null)) found.set(id, tensors);
    }
    return found;
  }

  /**
   * @param {Map<string, number[]>} places
   * @param {Buffers} buffers
   * @returns {Map<string, Tensor>} the first output that is there
   */
  #firsts(places, buffers) {
    const found = new Map();
    for (const [id, several] of places) {
      for (const place of several) {
        const tensor = found.has(id) ? null : this.#layout[place]?.read(buffers);
        if (tensor) found.set(id, tensor);
      }
    }
    return found;
  }
}

/**
 * @template {Float32Array | Float64Array} Numbers
 * @param {Uint8Array} bytes
 * @param {{new (buffer: ArrayBufferLike, offset: number, length: number): Numbers, BYTES_PER_ELEMENT: number}} Type
 * @returns {Numbers} a view where the bytes lie at a multiple of the size, else of a copy
 */
function aligned(bytes, Type) {
  const size = Type.BYTES_PER_ELEMENT;
  const here = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  return new Type(here.buffer, here.byteOffset, here.byteLength / size);
}
