/** One figure for each thing on the stage: how large its gradient is, how large its values, how much it saves. Pure. */

/** @import {GraphModel, GraphNode, Hierarchy, Segment, StepModel, Tensor, Visible} from "./model.d.ts" */

import { nodesInside } from "./layout/hierarchy.js";
import { numberText } from "./number.js";
import { norm } from "./tensor.js";

/** @typedef {"gradient" | "range" | "saved"} Measure */

/**
 * @typedef {object} Figure
 * @property {number} value
 * @property {number} level 0 to 1, on the measure's scale
 * @property {string} text `1.2e-7`, `3.1 MB`
 * @property {"" | "vanishing" | "exploding" | "zero" | "odd"} alarm odd: not a finite number
 *
 * @typedef {object} Measured
 * @property {Map<string, Figure>} items
 * @property {Map<string, Figure>} segments
 * @property {[string, string, string]} ticks of the scale: its lower end, middle and upper end
 *
 * @typedef {{graph: GraphModel, hierarchy: Hierarchy, step: StepModel, visible: Visible}} Seen
 */

/** Decades of the scales. A gradient below or above the alarms is told in words as well. */
const DECADES = { gradient: [-7, 3], range: [-4, 4] };
const VANISHING = 1e-6;
const EXPLODING = 1e3;
const BYTES = new Map(Object.entries({
  float64: 8, int64: 8, complex64: 8, complex128: 16, float32: 4, int32: 4, float16: 2, bfloat16: 2, int16: 2,
}));

/**
 * @param {Measure} measure
 * @param {Seen} seen
 * @returns {Measured}
 */
export function measured(measure, { graph, hierarchy, step, visible }) {
  const of = FIGURES[measure];
  const insideOf = (/** @type {string} */ item) => {
    const container = hierarchy.containers.get(item);
    return container ? nodesInside(container, hierarchy) : [item];
  };
  const all = new Map([...graph.nodes.values()].flatMap((node) => {
    const value = of.node(node, step);
    return value === null ? [] : [[node.id, value]];
  }));
  const together = (/** @type {string[]} */ ids) => of.group(ids.flatMap((id) => all.get(id) ?? []));
  const values = new Map(visible.items.map((item) => [item, together(insideOf(item))]));
  const lines = new Map(visible.segments.map((line) => [line.id, of.group(edgeValues(of, line, graph, step))]));
  const top = [...all.values(), ...values.values()].reduce((/** @type {number} */ most, value) =>
    (value !== null && Number.isFinite(value) ? Math.max(most, value) : most), 1);
  const figure = (/** @type {Map<string, number | null>} */ found) =>
    new Map([...found].flatMap(([id, value]) => (value === null ? [] : [[id, figureOf(measure, value, top)]])));
  return { items: figure(values), segments: figure(lines), ticks: ticksOf(measure, top) };
}

/**
 * @typedef {object} Rule
 * @property {(node: GraphNode, step: StepModel) => number | null} node
 * @property {(edge: import("./model.d.ts").GraphEdge, graph: GraphModel, step: StepModel) => number | null} edge
 * @property {(values: number[]) => number | null} group
 */

/** @type {Record<Measure, Rule>} */
const FIGURES = {
  gradient: {
    node: ({ id }, step) => sizeOf(step.leafGrads.get(id) ?? step.grads.get(id)),
    edge: ({ id }, _graph, step) => sizeOf(step.edgeGrads.get(id)),
    group: largest,
  },
  range: {
    node: ({ id }, step) => reach(step.values.get(id)),
    edge: ({ source }, _graph, step) => reach(step.values.get(source)),
    group: largest,
  },
  saved: {
    node: (each) => savedBytes(each),
    edge: ({ source, target }, graph) => {
      const kept = graph.nodes.get(target)?.saved.filter((saved) => saved.node === source) ?? [];
      return kept.length ? sum(kept.map(({ shape, dtype }) => bytesOf(shape, dtype))) : null;
    },
    group: (values) => (values.length ? sum(values) : null),
  },
};

/**
 * @param {Rule} of
 * @param {Segment} segment
 * @param {GraphModel} graph
 * @param {StepModel} step
 * @returns {number[]}
 */
function edgeValues(of, segment, graph, step) {
  return segment.edges.flatMap((id) => {
    const edge = graph.edges.get(id);
    const value = edge ? of.edge(edge, graph, step) : null;
    return value === null ? [] : [value];
  });
}

/** @param {number[]} values */
function largest(values) {
  if (values.length === 0) return null;
  return values.find((value) => !Number.isFinite(value)) ?? Math.max(...values);
}

/** @param {number[]} values */
function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

/** @param {Tensor | undefined} tensor @returns {number | null} the norm; NaN or infinite where an element is */
function sizeOf(tensor) {
  if (!tensor) return null;
  return odd(tensor) ?? norm(tensor);
}

/** @param {Tensor | undefined} tensor @returns {number | null} the largest finite magnitude */
function reach(tensor) {
  if (!tensor) return null;
  if (tensor.nan > 0) return NaN;
  if (tensor.min === null || tensor.max === null) return null;
  return Math.max(Math.abs(tensor.min), Math.abs(tensor.max));
}

/** @param {Tensor} tensor */
function odd({ nan, inf }) {
  if (nan > 0) return NaN;
  return inf > 0 ? Infinity : null;
}

/**
 * @param {GraphNode & {saved_bytes?: number | null}} each
 * @returns {number | null} null for what saves nothing
 */
export function savedBytes(each) {
  if (typeof each.saved_bytes === "number") return each.saved_bytes || null;
  const total = sum(each.saved.map(({ shape, dtype }) => bytesOf(shape, dtype)));
  return total > 0 ? total : null;
}

/** @param {number[] | null} shape @param {string | null} dtype */
function bytesOf(shape, dtype) {
  if (!shape || dtype === null) return 0;
  return shape.reduce((count, size) => count * size, 1) * (BYTES.get(dtype.replace("torch.", "")) ?? 1);
}

/**
 * @param {Measure} measure
 * @param {number} value
 * @param {number} top the largest of the whole graph
 * @returns {Figure}
 */
function figureOf(measure, value, top) {
  const text = measure === "saved" ? bytesText(value) : numberText(value, { digits: 2 });
  if (!Number.isFinite(value)) return { value, level: 1, text, alarm: "odd" };
  if (value === 0) return { value, level: 0, text, alarm: measure === "gradient" ? "zero" : "" };
  const [low, high] = decades(measure, top);
  const level = Math.min(1, Math.max(0, (Math.log10(value) - low) / (high - low)));
  return { value, level, text, alarm: measure === "gradient" ? alarmOf(value) : "" };
}

/** @param {number} value @returns {Figure["alarm"]} */
function alarmOf(value) {
  if (value < VANISHING) return "vanishing";
  return value > EXPLODING ? "exploding" : "";
}

/** @param {Measure} measure @param {number} top @returns {[number, number]} */
function decades(measure, top) {
  if (measure !== "saved") return /** @type {[number, number]} */ (DECADES[measure]);
  const high = Math.log10(Math.max(top, 10));
  return [high - 4, high];
}

/** @param {Measure} measure @param {number} top @returns {[string, string, string]} */
function ticksOf(measure, top) {
  const [low, high] = decades(measure, top);
  const write = (/** @type {number} */ value) => (measure === "saved" ? bytesText(value) : numberText(value, { digits: 2 }));
  const say = (/** @type {number} */ decade) => write(10 ** decade);
  return [say(low), say((low + high) / 2), say(high)];
}

/**
 * @param {number} bytes
 * @returns {string} `512 B`, `3.1 MB`
 */
export function bytesText(bytes) {
  const [unit, size] = bytes >= 1e9 ? ["GB", 1e9] : bytes >= 1e6 ? ["MB", 1e6] : bytes >= 1e3 ? ["kB", 1e3] : ["B", 1];
  const value = bytes / /** @type {number} */ (size);
  return `${value >= 100 || size === 1 ? Math.round(value) : value.toFixed(1)} ${unit}`;
}
