/** Where gradients meet: what came along each edge, in the engine's order, and what they add up to. Pure. */

/** @import {GraphModel, StepModel, Tensor} from "./model.d.ts" */

import { numberText } from "./number.js";
import { indexOf } from "./places.js";
import { isScalar, matrixOf } from "./tensor.js";

/**
 * @typedef {{edge: string, tensor: Tensor}} Part
 * @typedef {object} Meeting
 * @property {Part[]} parts at least two, in the order in which the engine brings them
 * @property {Tensor} total the gradient that entered the node's backward function, at the output where they meet
 * @property {boolean} adds false: what entered is not their sum, because a hook changed it on the way
 */

/** Of the largest number in a sum, what rounding may change. */
const ROUNDING = { fine: 1e-3, coarse: 2e-2 };
/** Edge -> place of the event of its gradient. @type {WeakMap<StepModel["events"], Map<string, number>>} */
const orders = new WeakMap();

/**
 * @param {string} node
 * @param {GraphModel} graph
 * @param {StepModel} step
 * @returns {Meeting[]} one for each of the node's outputs that several edges brought gradients to
 */
export function meetingsAt(node, graph, step) {
  /** @type {Map<number, Part[]>} */
  const byOutput = new Map();
  for (const { id, source_output: output } of graph.outOf.get(node) ?? []) {
    const tensor = step.edgeGrads.get(id);
    if (!tensor) continue;
    const parts = byOutput.get(output);
    if (parts) parts.push({ edge: id, tensor });
    else byOutput.set(output, [{ edge: id, tensor }]);
  }
  return [...byOutput].flatMap(([output, parts]) => {
    const total = totalOf(node, output, step);
    if (parts.length < 2 || !total) return [];
    return [{ parts: inOrder(parts, step.events), total, adds: addsUp(parts, total) }];
  });
}

/**
 * @param {string} node
 * @param {number} output
 * @param {StepModel} step
 */
function totalOf(node, output, { grads, outputGrads }) {
  const several = outputGrads.get(node);
  return several ? (several[output] ?? null) : (grads.get(node) ?? null);
}

/**
 * @param {Part[]} parts
 * @param {StepModel["events"]} events
 * @returns {Part[]} what no event tells of comes last
 */
function inOrder(parts, events) {
  let order = orders.get(events);
  if (!order) {
    order = new Map(events.flatMap(({ phase, edge }, i) => (phase === "backward" && edge !== null ? [[edge, i]] : [])));
    orders.set(events, order);
  }
  const place = (/** @type {Part} */ { edge }) => order.get(edge) ?? Infinity;
  return [...parts].sort((a, b) => (place(a) === place(b) ? 0 : place(a) - place(b)));
}

/**
 * @param {Part[]} parts
 * @param {Tensor} total
 * @returns {boolean} as far as it is known
 */
function addsUp(parts, total) {
  const all = [...parts.map(({ tensor }) => tensor), total];
  const rows = all.map(cellsOf);
  const [count] = rows.map(({ length }) => length);
  if (rows.some(({ length }) => length !== count)) return true;
  const scale = largest(rows);
  const { fine, coarse } = ROUNDING;
  const allowed = scale * (/float(32|64)|complex/.test(total.dtype) ? fine : coarse);
  const sums = rows.at(-1) ?? [];
  return sums.every((sum, i) => {
    const made = sumAt(rows.slice(0, -1), i);
    return !Number.isFinite(made) || Math.abs(made - sum) <= allowed;
  });
}

/** @param {Tensor} tensor @returns {number[]} its numbers, or block means, or its mean; all of them can be added */
function cellsOf(tensor) {
  const cells = matrixOf(tensor)?.cells;
  return cells ?? (tensor.mean === null || tensor.values ? [] : [tensor.mean]);
}

/** @param {number[][]} rows @returns {number} the largest finite magnitude */
function largest(rows) {
  let top = 0;
  for (const row of rows) {
    for (const cell of row) if (Number.isFinite(cell)) top = Math.max(top, Math.abs(cell));
  }
  return top;
}

/** @param {number[][]} rows @param {number} i */
function sumAt(rows, i) {
  return rows.reduce((sum, row) => sum + (row[i] ?? NaN), 0);
}

/**
 * @param {Meeting} meeting
 * @returns {boolean} of single numbers
 */
export function isOfScalars({ parts, total }) {
  return isScalar(total) && parts.every(({ tensor }) => isScalar(tensor));
}

/**
 * @typedef {object} Cells what is to be drawn of each, in one scale
 * @property {number} rows
 * @property {number} columns
 * @property {number[][]} parts row-major
 * @property {number[]} total
 * @property {number} scale the largest magnitude
 * @property {boolean} blocks means of blocks of the elements, not the elements
 *
 * @param {Meeting} meeting
 * @returns {Cells | null} null without numbers
 */
export function cellsTogether({ parts, total }) {
  const all = [...parts.map(({ tensor }) => tensor), total];
  const made = all.map(matrixOf);
  const [first] = made;
  if (!first || !made.every((each) => each?.rows === first.rows && each.columns === first.columns)) return null;
  const cells = made.map((each) => each?.cells ?? []);
  const scale = largest(cells);
  const { rows, columns } = first;
  return { rows, columns, parts: cells.slice(0, -1), total: cells.at(-1) ?? [], scale, blocks: total.values === null };
}

/**
 * @param {Meeting} meeting
 * @param {Cells} together its cells
 * @param {number} cell
 * @param {(edge: string) => boolean} [isThere] the edge's contribution has come
 * @param {boolean} [isWhole] the sum has been made
 * @returns {string} `[0, 1]: 1.0 + ? \u2212 2.5 = ?`
 */
export function cellText({ parts, total, adds }, together, cell, isThere = () => true, isWhole = true) {
  const { blocks, columns } = together;
  const index = blocks ? [Math.floor(cell / columns), cell % columns] : indexOf(cell, total.shape);
  const terms = parts.map(({ edge }, i) => (isThere(edge) ? numberText(together.parts[i]?.[cell], { digits: 3 }) : "?"));
  const sum = isWhole ? numberText(together.total[cell], { digits: 3 }) : "?";
  return `${blocks ? "block " : ""}[${index.join(", ")}]: ${added(terms)} ${adds ? "=" : "\u2192"} ${sum}`;
}

/**
 * @param {string[]} terms
 * @returns {string} `6.0 + 1.0 \u2212 2.5`
 */
export function added([first = "", ...rest]) {
  return [first, ...rest.map(signed)].join(" ");
}

/**
 * @param {string} term
 * @returns {string} `+ 6.0`, `\u2212 2.5`
 */
export function signed(term) {
  return term.startsWith("\u2212") ? `\u2212 ${term.slice(1)}` : `+ ${term}`;
}

/** @param {Cells} together @returns {number} the cell with the largest sum: where there is most to see */
export function mostTelling({ total }) {
  return total.reduce((best, value, i) => (Math.abs(value) > Math.abs(total[best] ?? 0) ? i : best), 0);
}
