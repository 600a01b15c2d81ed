/** One figure for each thing on the stage: how large its gradient is, how large its values, how much it saves. Pure. */

/** @import {GraphEdge, GraphModel, GraphNode, Hierarchy, Segment, StepModel, Tensor, Visible} from "./model.d.ts" */
/** @import {SavedTensor} from "./contract.d.ts" */

import { nodesInside } from "./layout/hierarchy.js";
import { bytesText, numberText } from "./number.js";
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

/**
 * @param {Measure} measure
 * @param {Seen} seen
 * @returns {Measured}
 */
export function measured(measure, { graph, hierarchy, step, visible }) {
  const of = FIGURES[measure];
  const insideOf = (/** @type {string} */ item) => {
    const container = hierarchy.containers.get(item);
    const ids = container ? nodesInside(container, hierarchy) : [item];
    return ids.flatMap((id) => graph.nodes.get(id) ?? []);
  };
  const all = new Map([...graph.nodes.values()].flatMap((node) => {
    const value = of.node(node, step);
    return value === null ? [] : [[node.id, value]];
  }));
  const together = (/** @type {GraphNode[]} */ nodes) =>
    of.inside(nodes, nodes.flatMap(({ id }) => all.get(id) ?? []), graph);
  const values = new Map(visible.items.map((item) => [item, together(insideOf(item))]));
  const edgesOf = (/** @type {Segment} */ line) => line.edges.flatMap((id) => graph.edges.get(id) ?? []);
  const lines = new Map(visible.segments.map((line) => [line.id, of.line(edgesOf(line), graph, step)]));
  const top = [...all.values(), ...values.values()].reduce((/** @type {number} */ most, value) =>
    (value !== null && Number.isFinite(value) ? Math.max(most, value) : most), 1);
  const figure = (/** @type {Map<string, number | null>} */ found) =>
    new Map([...found].flatMap(([id, value]) => (value === null ? [] : [[id, figureOf(measure, value, top)]])));
  return { items: figure(values), segments: figure(lines), ticks: ticksOf(measure, top) };
}

/**
 * @typedef {object} Rule
 * @property {(node: GraphNode, step: StepModel) => number | null} node
 * @property {(nodes: GraphNode[], values: number[], graph: GraphModel) => number | null} inside of what a group holds
 * @property {(edges: GraphEdge[], graph: GraphModel, step: StepModel) => number | null} line
 */

/** @type {Record<Measure, Rule>} */
const FIGURES = {
  gradient: {
    node: ({ id }, step) => sizeOf(step.leafGrads.get(id) ?? step.grads.get(id)),
    inside: (_nodes, values) => largest(values),
    line: (edges, _graph, step) => largest(edges.flatMap(({ id }) => sizeOf(step.edgeGrads.get(id)) ?? [])),
  },
  range: {
    node: ({ id }, step) => reach(step.values.get(id)),
    inside: (_nodes, values) => largest(values),
    line: (edges, _graph, step) => largest(edges.flatMap(({ source }) => reach(step.values.get(source)) ?? [])),
  },
  saved: {
    node: (each) => each.saved_bytes || null,
    inside: (nodes, _values, graph) => bytesIn(keptFor(nodes, graph)),
    line: (edges, graph) => {
      const sources = new Set(edges.map(({ source }) => source));
      const targets = edges.flatMap(({ target }) => graph.nodes.get(target) ?? []);
      return bytesIn(keptFor(targets, graph, ({ node }) => sources.has(node ?? "")));
    },
  },
};

/** @param {number[]} values */
function largest(values) {
  if (values.length === 0) return null;
  return values.find((value) => !Number.isFinite(value)) ?? Math.max(...values);
}

/** @param {Kept} kept @returns {number | null} */
function bytesIn(kept) {
  return [...kept.values()].reduce((total, { bytes }) => total + bytes, 0) || null;
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
 * @typedef {Map<unknown, {bytes: number, of: GraphNode | undefined}>} Kept pieces of memory; `of`: the node whose value
 *   lies there, where it is one of the graph's
 *
 * @param {Iterable<GraphNode>} nodes
 * @param {GraphModel} graph
 * @param {(saved: SavedTensor) => boolean} [counts]
 * @returns {Kept} what backward keeps alive for them; what several save is there once
 */
export function keptFor(nodes, graph, counts = () => true) {
  /** @type {Kept} */
  const kept = new Map();
  for (const { saved: all } of nodes) {
    for (const saved of all) {
      if (saved.bytes === 0 || !counts(saved)) continue;
      const shown = graph.nodes.get(saved.node ?? "");
      const base = graph.nodes.get(shown?.base ?? "");
      const of = base ?? shown;
      kept.set(of ? `${of.id} ${base ? 0 : saved.output}` : saved, { bytes: saved.bytes, of });
    }
  }
  return kept;
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
