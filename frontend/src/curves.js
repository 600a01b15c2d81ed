/** Numbers against iterations in typed arrays: the loss, named scalars, parameters, gradient norms. */

/** @import {GraphModel, GraphNode, Scalars, Statistics, StepRecord} from "./model.d.ts" */

import { leavesOf } from "./leaves.js";
import { nodeTitle } from "./stage/card.js";

/**
 * @typedef {"loss" | "scalar" | "loop" | "parameter" | "gradient"} Kind
 * "loop": a variable that counts. "parameter": a value of one element, else the norm. "gradient": the norm.
 */

/** Points of all series together; beyond that every second of the long ones goes. */
const POINTS = 2_000_000;
/** Parameters of one graph that are followed. */
const PARAMETERS = 200;

/** One line of a chart: iterations, rising, and the number at each. */
export class Series {
  #steps = new Int32Array(64);
  #values = new Float64Array(64);
  length = 0;

  /**
   * @param {Kind} kind
   * @param {string} name
   * @param {boolean} isNorm the numbers are norms of what has several elements
   */
  constructor(kind, name, isNorm) {
    this.kind = kind;
    this.name = name;
    this.isNorm = isNorm;
  }

  /** Iterations, counted from 0. A view: valid until the next `set`. */
  get steps() {
    return this.#steps.subarray(0, this.length);
  }

  get values() {
    return this.#values.subarray(0, this.length);
  }

  get last() {
    return this.#values[this.length - 1];
  }

  /**
   * @param {number} step
   * @returns {number | undefined} the number at that iteration
   */
  at(step) {
    const place = this.#place(step);
    return place < this.length && this.#steps[place] === step ? this.#values[place] : undefined;
  }

  /**
   * @param {number} step
   * @param {number} value
   * @returns {boolean} it is one point more
   */
  set(step, value) {
    const place = this.#place(step);
    if (place < this.length && this.#steps[place] === step) {
      this.#values[place] = value;
      return false;
    }
    if (this.length === this.#steps.length) this.#grow();
    this.#steps.copyWithin(place + 1, place, this.length);
    this.#values.copyWithin(place + 1, place, this.length);
    this.#steps[place] = step;
    this.#values[place] = value;
    this.length += 1;
    return true;
  }

  /**
   * Lets every second point go, but neither the first nor the last.
   *
   * @returns {number} how many went
   */
  halve() {
    const before = this.length;
    let kept = 0;
    for (let i = 0; i < before; i += 1) {
      if (i % 2 === 1 && i < before - 1) continue;
      this.#steps[kept] = this.#steps[i] ?? 0;
      this.#values[kept] = this.#values[i] ?? 0;
      kept += 1;
    }
    this.length = kept;
    return before - kept;
  }

  /**
   * @param {number} step
   * @returns {number} where it is, or would be
   */
  #place(step) {
    if (this.length === 0 || step > (this.#steps[this.length - 1] ?? 0)) return this.length;
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#steps[middle] ?? 0) < step) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #grow() {
    const steps = new Int32Array(this.length * 2);
    const values = new Float64Array(this.length * 2);
    steps.set(this.#steps);
    values.set(this.#values);
    this.#steps = steps;
    this.#values = values;
  }
}

export class Curves {
  /** @type {Map<string, Series>} */
  #series = new Map();
  /** Names that alone held the loss of an iteration, and of how many. @type {Map<string, number>} */
  #losses = new Map();
  #points = 0;
  #limit;
  /** @type {WeakMap<GraphModel, {node: string, name: string}[]>} */
  #parameters = new WeakMap();
  /** Grows with every change. */
  version = 0;

  /** @param {number} [limit] points of all series together */
  constructor(limit = POINTS) {
    this.#limit = limit;
  }

  /** @returns {Series | undefined} */
  get loss() {
    return this.#series.get("loss loss");
  }

  /** @returns {Series[]} where backward starts from several losses in turn, one for each; else none */
  get losses() {
    const names = [...this.#losses].filter(([, times]) => times > 1).map(([name]) => name);
    return names.length > 1 ? names.flatMap((name) => this.#series.get(`scalar ${name}`) ?? []) : [];
  }

  /** How many numbers are held. */
  get points() {
    return this.#points;
  }

  /**
   * @param {Kind} kind
   * @returns {Series[]} by first appearance
   */
  of(kind) {
    const counts = (/** @type {Series} */ { name }) => kind === "scalar" && this.#series.has(`loop ${name}`);
    return [...this.#series.values()].filter((series) => series.kind === kind && !counts(series));
  }

  /**
   * @param {string} name
   * @returns {Series | undefined} the numbers that the snippet gave that name, one for each iteration
   */
  named(name) {
    return this.#series.get(`loop ${name}`) ?? this.#series.get(`scalar ${name}`);
  }

  /** @param {Scalars} scalars */
  addScalars({ index, loss, values, loops }) {
    for (const [name, value] of Object.entries(loops)) this.#set("loop", name, index, typeof value === "number" ? value : NaN);
    if (loss !== null) this.#set("loss", "loss", index, loss);
    for (const [name, value] of Object.entries(values)) this.#set("scalar", name, index, value);
    if (loss === null) return;
    const [name, ...more] = Object.keys(values).filter((key) => Math.fround(values[key] ?? NaN) === Math.fround(loss));
    if (name !== undefined && more.length === 0) this.#losses.set(name, (this.#losses.get(name) ?? 0) + 1);
  }

  /**
   * @param {StepRecord} record
   * @param {GraphModel} graph
   */
  addStep(record, graph) {
    const { index } = record;
    if (record.loss !== null) this.#set("loss", "loss", index, record.loss);
    for (const { node, name } of this.#parametersOf(graph)) {
      const value = record.statistics("value", node);
      const size = value && (value.numel === 1 ? single(value) : norm(value));
      if (size !== null) this.#set("parameter", name, index, size, value?.numel !== 1);
      const gradient = record.statistics("gradient", node);
      const length = gradient && norm(gradient);
      if (length !== null) this.#set("gradient", name, index, length, true);
    }
  }

  /** @param {GraphModel} graph */
  #parametersOf(graph) {
    const known = this.#parameters.get(graph) ?? parametersOf(graph);
    this.#parameters.set(graph, known);
    return known;
  }

  /**
   * @param {Kind} kind
   * @param {string} name
   * @param {number} step
   * @param {number} value
   * @param {boolean} [isNorm]
   */
  #set(kind, name, step, value, isNorm = false) {
    const key = `${kind} ${name}`;
    const series = this.#series.get(key) ?? new Series(kind, name, isNorm);
    this.#series.set(key, series);
    this.#points += Number(series.set(step, value));
    this.version += 1;
    if (this.#points > this.#limit) this.#thin();
  }

  #thin() {
    const longest = Math.max(...[...this.#series.values()].map((series) => series.length));
    for (const series of this.#series.values()) if (series.length * 2 > longest) this.#points -= series.halve();
  }
}

/**
 * @param {GraphModel} graph
 * @returns {{node: string, name: string}[]} what learns, each with a name of its own
 */
function parametersOf(graph) {
  const leaves = leavesOf(graph.nodes.values()).filter(({ requires_grad }) => requires_grad).slice(0, PARAMETERS);
  const titles = leaves.map(nodeTitle);
  const names = new Set();
  return leaves.map((node, i) => {
    const title = titles[i] ?? node.id;
    const alone = titles.indexOf(title) === i && !titles.includes(title, i + 1);
    const long = alone ? title : [...path(node, graph), title].join(".");
    const name = names.has(long) ? `${long} (${node.id})` : long;
    names.add(name);
    return { node: node.id, name };
  });
}

/**
 * @param {GraphNode} node
 * @param {GraphModel} graph
 * @returns {string[]} labels of the groups around it, outermost first
 */
function path(node, graph) {
  const labels = [];
  for (let group = graph.groups.get(node.group ?? ""); group; group = graph.groups.get(group.parent ?? "")) labels.unshift(group.label);
  return labels;
}

/**
 * @param {Statistics} statistics of one element
 * @returns {number | null} null for complex numbers
 */
function single({ mean, nan, inf }) {
  if (nan > 0) return NaN;
  return inf > 0 ? Infinity : mean;
}

/**
 * The Euclidean norm of n elements from their mean m and standard deviation s (with Bessel's correction): the sum of
 * squares is n m^2 + (n - 1) s^2.
 *
 * @param {Statistics} statistics
 * @returns {number | null} null for complex numbers, empty tensors and those on the meta device
 */
export function norm({ numel, mean, std, nan, inf }) {
  if (nan > 0) return NaN;
  if (inf > 0) return Infinity;
  if (mean === null) return null;
  return Math.sqrt(numel * mean ** 2 + Math.max(numel - 1, 0) * (std ?? 0) ** 2);
}
