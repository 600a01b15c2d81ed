/** Which cells of its inputs made one cell of a result. Pure; a rule is believed when it gives torch's numbers. */

/** @import {GraphModel, GraphNode, StepModel, Tensor} from "./model.d.ts" */

import { numberText } from "./number.js";
import { broadcast, cellOf, dimsOf, indexOf, wrapped } from "./places.js";

/**
 * @typedef {{shape: number[], values: number[]}} Known a tensor of which every element is known
 *
 * @typedef {object} Made
 * @property {number[][]} cells of each input, row-major places
 * @property {string} text `1.0·2.0 + 3.0·4.0 = 14.0`
 * @property {number} value what the rule gives
 *
 * @typedef {object} Origin
 * @property {Known[]} inputs
 * @property {Known} output
 * @property {(cell: number) => Made} of
 *
 * @typedef {(cell: number) => Made} Rule
 * @typedef {{inputs: Known[], output: Known, attributes: GraphNode["attributes"]}} Call
 */

/** So many terms are spelled out. */
const SPELLED = 6;

/**
 * @param {GraphNode} node
 * @param {GraphModel} graph
 * @param {StepModel} step
 * @returns {Origin | null} null where an element is not known or no rule gives torch's numbers
 */
export function originOf(node, graph, step) {
  const output = known(step.values.get(node.id));
  const edges = graph.into.get(node.id) ?? [];
  const inputs = edges.map(({ source, source_output: place }) => {
    const { values, outputs } = step;
    return known(place ? outputs.get(source)?.[place] : values.get(source));
  });
  if (!output || inputs.length === 0 || inputs.some((input) => input === null)) return null;
  const call = { inputs: /** @type {Known[]} */ (inputs), output, attributes: node.attributes };
  const rule = RULES[node.op.replace(/^_+|_+$/g, "")]?.(call);
  if (!rule) return null;
  const right = output.values.every((value, cell) => near(rule(cell).value, value));
  return right ? { inputs: call.inputs, output, of: rule } : null;
}

/** @param {Tensor | null | undefined} tensor @returns {Known | null} */
function known(tensor) {
  if (!tensor?.values || tensor.numel === 0 || tensor.values.some(Array.isArray)) return null;
  return { shape: tensor.shape, values: /** @type {number[]} */ (tensor.values) };
}

/** @param {number} a @param {number} b */
function near(a, b) {
  return Object.is(a, b) || a === b || Math.abs(a - b) <= 1e-3 * Math.max(1e-3, Math.abs(a), Math.abs(b));
}

/** @param {number} value */
function say(value) {
  return numberText(value, { digits: 3 });
}

/** @param {Call} call @param {number} place @param {number} cell */
function at({ inputs }, place, cell) {
  return inputs[place]?.values[cell] ?? NaN;
}

/** @param {string[]} terms @param {string} sign */
function spelled(terms, sign) {
  const shown = terms.length > SPELLED ? [...terms.slice(0, SPELLED - 1), "\u2026", terms.at(-1) ?? ""] : terms;
  return shown.join(sign);
}

/**
 * Rows times columns, the last two dims of each; leading dims must be equal.
 *
 * @param {Call} call
 * @param {number} [first] place of the left factor
 * @returns {Rule | null}
 */
function product(call, first = 0) {
  const [left, right] = [call.inputs[first], call.inputs[first + 1]];
  if (!left || !right || left.shape.length === 0 || right.shape.length === 0) return null;
  const rowShape = left.shape.length === 1 ? [1, ...left.shape] : left.shape;
  const columnShape = right.shape.length === 1 ? [...right.shape, 1] : right.shape;
  const [inner = 0, rows = 0] = [rowShape.at(-1), rowShape.at(-2)];
  const columns = columnShape.at(-1) ?? 0;
  const shared = columnShape.length === 2 && rowShape.length > 2;
  const alike = shared || rowShape.slice(0, -2).join() === columnShape.slice(0, -2).join();
  if (columnShape.at(-2) !== inner || !alike) return null;
  return (cell) => {
    const column = cell % columns;
    const row = Math.floor(cell / columns);
    const batch = shared ? 0 : Math.floor(row / rows);
    const from = Array.from({ length: inner }, (_, k) => row * inner + k);
    const to = Array.from({ length: inner }, (_, k) => (batch * inner + k) * columns + column);
    const terms = from.map((each, k) => [at(call, first, each), at(call, first + 1, to[k] ?? 0)]);
    const value = terms.reduce((sum, [a = 0, b = 0]) => sum + a * b, 0);
    const text = `${spelled(terms.map(([a = 0, b = 0]) => `${say(a)}\u00b7${say(b)}`), " + ")} = ${say(value)}`;
    const cells = first === 0 ? [from, to] : [[], from, to];
    return { cells, value, text };
  };
}

/** @param {Call} call @returns {Rule | null} the bias and a product */
function biased(call) {
  const inner = product(call, 1);
  const bias = call.inputs[0];
  if (!inner || !bias || call.inputs.length < 3) return null;
  return (cell) => {
    const made = inner(cell);
    const own = broadcast(cell, call.output.shape, bias.shape);
    const value = made.value + at(call, 0, own);
    const text = `${made.text.slice(0, made.text.lastIndexOf(" = "))} + ${say(at(call, 0, own))} = ${say(value)}`;
    return { cells: [[own], ...made.cells.slice(1)], value, text };
  };
}

/**
 * @param {(values: number[]) => number} fold
 * @param {(terms: string[], value: string) => string} tell
 * @returns {(call: Call) => Rule | null}
 */
function reduction(fold, tell) {
  return (call) => {
    const input = call.inputs[0];
    if (!input || call.inputs.length > 1) return null;
    const gone = new Set(dimsOf(call.attributes, input.shape.length));
    /** @type {Map<number, number[]>} */
    const groups = new Map();
    const kept = input.shape.filter((_, dim) => !gone.has(dim));
    input.values.forEach((_, cell) => {
      const rest = indexOf(cell, input.shape).filter((__, dim) => !gone.has(dim));
      const place = cellOf(rest, kept);
      groups.set(place, [...(groups.get(place) ?? []), cell]);
    });
    return (cell) => {
      const cells = groups.get(cell) ?? [];
      const values = cells.map((each) => at(call, 0, each));
      const value = fold(values);
      return { cells: [cells], value, text: tell(values.map(say), say(value)) };
    };
  };
}

/**
 * @param {(call: Call, cell: number) => number[] | null} place the cell that is taken of each input; null for none
 * @returns {(call: Call) => Rule}
 */
function taking(place) {
  return (call) => (cell) => {
    const taken = place(call, cell);
    const value = taken ? at(call, 0, taken[0] ?? -1) : NaN;
    const cells = call.inputs.map((_, i) => (taken?.[i] === undefined ? [] : [taken[i] ?? 0]));
    const source = call.inputs[0] ? indexOf(taken?.[0] ?? 0, call.inputs[0].shape) : [];
    return { cells, value, text: `input[${source.join(", ")}] = ${say(value)}` };
  };
}

/**
 * @param {string} sign
 * @param {(a: number, b: number) => number} compute
 * @returns {(call: Call) => Rule | null}
 */
function elementwise(sign, compute) {
  return (call) => {
    const [left, right] = call.inputs;
    if (!left || !right || call.inputs.length !== 2) return null;
    return (cell) => {
      const cells = [left, right].map(({ shape }) => broadcast(cell, call.output.shape, shape));
      const [a, b] = cells.map((each, place) => at(call, place, each));
      const value = compute(a ?? NaN, b ?? NaN);
      return { cells: cells.map((each) => [each]), value, text: `${say(a ?? NaN)} ${sign} ${say(b ?? NaN)} = ${say(value)}` };
    };
  };
}

/** @param {Call} call @param {string} name @param {number} fallback */
function whole({ attributes }, name, fallback) {
  const value = attributes[name];
  return typeof value === "number" ? value : fallback;
}

/** @param {Call} call @returns {{dim: number, shape: number[]}} the dim that an op works along, from 0 on */
function along(call) {
  const shape = call.inputs[0]?.shape ?? [];
  const dim = whole(call, "dim", 0);
  return { dim: dim < 0 ? dim + shape.length : dim, shape };
}

const select = taking((call, cell) => {
  const { dim, shape } = along(call);
  const index = indexOf(cell, call.output.shape);
  index.splice(dim, 0, wrapped(whole(call, "index", 0), shape[dim] ?? 0));
  return [cellOf(index, shape)];
});

const slice = taking((call, cell) => {
  const { dim, shape } = along(call);
  const index = indexOf(cell, call.output.shape);
  const start = Math.max(wrapped(whole(call, "start", 0), shape[dim] ?? 0), 0);
  index[dim] = start + (index[dim] ?? 0) * whole(call, "step", 1);
  return [cellOf(index, shape)];
});

/**
 * Which part a loop takes in this step is not told: the graph is that of all its steps, and says `index: i:i + 4`.
 *
 * @param {(call: Call) => Rule | null} rule
 * @returns {(call: Call) => Rule | null}
 */
function numbered(rule) {
  return (call) => (typeof call.attributes.index === "string" ? null : rule(call));
}

const gather = taking((call, cell) => {
  const { dim, shape } = along(call);
  const index = indexOf(cell, call.output.shape);
  index[dim] = wrapped(at(call, 1, cell), shape[dim] ?? 0);
  return [cellOf(index, shape), cell];
});

const indexSelect = taking((call, cell) => {
  const { dim, shape } = along(call);
  const index = indexOf(cell, call.output.shape);
  const chosen = index[dim] ?? 0;
  index[dim] = wrapped(at(call, 1, chosen), shape[dim] ?? 0);
  return [cellOf(index, shape), chosen];
});

/** Whole rows, as `embedding` and indexing with one tensor take them. */
const rows = taking((call, cell) => {
  const shape = call.inputs[0]?.shape ?? [];
  const width = shape.slice(1).reduce((count, size) => count * size, 1);
  const chosen = Math.floor(cell / width);
  return [wrapped(at(call, 1, chosen), shape[0] ?? 0) * width + (cell % width), chosen];
});

const same = taking((_call, cell) => [cell]);

/** @param {(rank: number, call: Call) => number[] | null} order of the input's dims in the output */
function turning(order) {
  return taking((call, cell) => {
    const shape = call.inputs[0]?.shape ?? [];
    const dims = order(shape.length, call);
    if (!dims) return null;
    const index = indexOf(cell, call.output.shape);
    return [cellOf(shape.map((_, dim) => index[dims.indexOf(dim)] ?? 0), shape)];
  });
}

const transpose = turning((rank, call) => {
  const [a, b] = [whole(call, "dim0", rank - 2), whole(call, "dim1", rank - 1)].map((dim) => wrapped(dim, rank));
  return Array.from({ length: rank }, (_, dim) => (dim === a ? b : dim === b ? a : dim) ?? dim);
});

const permute = turning((rank, { attributes }) =>
  Array.isArray(attributes.dims) ? attributes.dims.map((dim) => wrapped(Number(dim), rank)) : null);

const total = (/** @type {number[]} */ values) => values.reduce((sum, value) => sum + value, 0);
const plus = (/** @type {string[]} */ terms, /** @type {string} */ value) => `${spelled(terms, " + ")} = ${value}`;
const most = reduction((values) => Math.max(...values), (terms, value) => `max(${spelled(terms, ", ")}) = ${value}`);
const least = reduction((values) => Math.min(...values), (terms, value) => `min(${spelled(terms, ", ")}) = ${value}`);

/** @type {Record<string, (call: Call) => Rule | null>} */
const RULES = {
  mm: product, matmul: product, bmm: product, mv: product, dot: product, addmm: biased, linear: product,
  sum: reduction(total, plus),
  mean: reduction((values) => total(values) / values.length, (terms, value) => `(${spelled(terms, " + ")}) / ${terms.length} = ${value}`),
  prod: reduction((values) => values.reduce((p, v) => p * v, 1), (terms, value) => `${spelled(terms, " \u00b7 ")} = ${value}`),
  max: most, amax: most, min: least, amin: least,
  argmax: reduction((values) => values.indexOf(Math.max(...values)), (terms, value) => `argmax(${spelled(terms, ", ")}) = ${value}`),
  argmin: reduction((values) => values.indexOf(Math.min(...values)), (terms, value) => `argmin(${spelled(terms, ", ")}) = ${value}`),
  add: elementwise("+", (a, b) => a + b), sub: elementwise("\u2212", (a, b) => a - b),
  mul: elementwise("\u00b7", (a, b) => a * b), div: elementwise("/", (a, b) => a / b),
  select: numbered(select), slice: numbered(slice), gather, index_select: indexSelect, embedding: rows, index: rows,
  t: transpose, transpose, permute, view: same, reshape: same, flatten: same, squeeze: same, unsqueeze: same,
};
