/** Each event in words, as a teacher would say it: what went in, what happened, what came out. */

/** @import {GraphEdge, GraphModel, GraphNode, StepModel, Tensor, Update} from "./model.d.ts" */

import { chainRules } from "./explain.js";
import { countText, numberText } from "./number.js";
import { contributions, lossName, sumText } from "./stage/contribution.js";
import { nodeTitle } from "./stage/card.js";
import { gradText, isInteger, isScalar, isWritten, matrixOf, norm, shapeText, valueText } from "./tensor.js";

/**
 * @typedef {object} Told what the events are about
 * @property {GraphModel} graph
 * @property {StepModel} step
 * @property {string[]} lines of the snippet
 * @property {ReadonlyMap<string, Tensor>} leftover leaf -> the .grad that it had when the step began
 */

const BETWEEN = new Map(
  Object.entries({
    add: "plus", sub: "minus", mul: "times", div: "divided by", true_divide: "divided by",
    floor_divide: "divided (whole) by", matmul: "matrix-multiplied by", mm: "matrix-multiplied by", bmm: "matrix-multiplied by", mv: "matrix-multiplied by", dot: "dot", pow: "to the power of",
    maximum: "or, where larger,", minimum: "or, where smaller,", eq: "equal to", lt: "less than", gt: "greater than",
  }),
);
const OF = new Map(
  Object.entries({
    sum: "the sum of", mean: "the mean of", exp: "e to the power of", log: "the logarithm of", sqrt: "the square root of",
    neg: "minus", reciprocal: "1 divided by", abs: "the magnitude of", t: "the transpose of", transpose: "the transpose of",
    max: "the largest of", min: "the smallest of", argmax: "the place of the largest of", square: "the square of",
  }),
);
const LONGEST_CODE = 60;

/**
 * @param {number} at the event; as many as there are: the end of the step
 * @param {Told} told
 * @returns {string} one sentence
 */
export function narrate(at, told) {
  const event = told.step.events[at];
  if (!event) return whole(told);
  const node = event.node === null ? undefined : told.graph.nodes.get(event.node);
  const edge = event.edge === null ? undefined : told.graph.edges.get(event.edge);
  if (event.phase === "forward" && node) return forward(node, event.line, told);
  if (event.phase === "backward" && edge) return along(edge, at, told);
  if (event.phase === "backward" && node) return arrived(node, told);
  if (event.phase === "update" && node) return updated(node, told);
  if (event.phase === "zero_grad" && node) return cleared(node, at, told);
  return event.phase;
}

/** @param {Told} told */
function whole({ graph, step }) {
  const parts = [`${step.values.size} values forward`];
  if (step.edgeGrads.size > 0) parts.push(`${step.edgeGrads.size} gradients back`);
  if (step.updates.length > 0) parts.push(countText(step.updates.length, "update"));
  const loss = step.loss === null ? "" : `${lossName(graph, step)} = ${numberText(step.loss)}: `;
  return `The whole step. ${loss}${parts.join(", ")}.`;
}

/**
 * @param {Tensor | undefined} tensor
 * @returns {string} `4.0`, `[1.0, 2.0]`, `[10, 3]`
 */
function valueWords(tensor) {
  return tensor ? valueText(tensor) : "?";
}

/**
 * @param {Tensor | undefined} tensor
 * @returns {string} `4.0`, `[1.0, 2.0]`, `[10, 1], mean 0.31`
 */
function resultWords(tensor) {
  if (!tensor) return "a result that was not looked at";
  const words = valueText(tensor);
  if (isScalar(tensor) || isWritten(tensor) || tensor.mean === null || isInteger(tensor)) return words;
  return `${words}, mean ${numberText(tensor.mean, { digits: 3 })}`;
}

/**
 * @param {Tensor | undefined} tensor
 * @returns {string} `4.0`, `[10, 1] (norm 0.8)`
 */
function gradWords(tensor) {
  if (!tensor) return "none";
  if (isScalar(tensor) || isWritten(tensor)) return valueText(tensor);
  return norm(tensor) === null ? shapeText(tensor.shape) : `${shapeText(tensor.shape)} (${gradText(tensor)})`;
}

/**
 * @param {GraphNode} node
 * @param {number | null} line
 * @param {Told} told
 */
function forward(node, line, { graph, step, lines }) {
  const place = line === null ? "" : `line ${line}: `;
  const code = codeOf(node, lines);
  const name = node.names.at(-1);
  const result = resultWords(step.values.get(node.id));
  const said = [name ? `${name}${code ? " = " : ": "}` : "", code ? `${code}: ` : ""].join("");
  if (node.reason) return `${place}${said}${result}. ${node.reason}`;
  return `${place}${said}${operation(node, graph, step)} gives ${result}`;
}

/**
 * @param {GraphNode} node
 * @param {string[]} lines
 * @returns {string} the expression that made it; "" when it is long or not known
 */
function codeOf({ line, column, end_line: endLine, end_column: endColumn }, lines) {
  const text = line === null ? undefined : lines[line - 1];
  if (text === undefined || column === null || endColumn === null || endLine !== line) return "";
  const characters = Array.from(text).slice(column - 1, endColumn - 1).join("").trim();
  return characters.length <= LONGEST_CODE ? characters : "";
}

/**
 * @param {GraphNode} node
 * @param {GraphModel} graph
 * @param {StepModel} step
 * @returns {string} `4.0 times 5.0`, `the mean of [10, 1]`, `gelu of [4, 256]`
 */
function operation(node, graph, step) {
  const op = node.op.replace(/_+$/, "");
  const inputs = (graph.into.get(node.id) ?? []).map((edge) => inputWords(edge, graph, step));
  const other = node.attributes.other ?? node.attributes.exponent;
  const second = inputs[1] ?? (typeof other === "number" ? numberText(other) : undefined);
  const between = BETWEEN.get(op);
  if (between && inputs[0] !== undefined && second !== undefined) return `${inputs[0]} ${between} ${second}`;
  if (inputs.length === 0) return op;
  const of = OF.get(op);
  return of && inputs.length === 1 ? `${of} ${inputs[0]}` : `${op} of ${inputs.slice(0, 4).join(", ")}`;
}

/**
 * @param {GraphEdge} edge
 * @param {GraphModel} graph
 * @param {StepModel} step
 * @returns {string} a number; with its name where it is a tensor
 */
function inputWords({ source }, graph, step) {
  const value = step.values.get(source);
  const name = graph.nodes.get(source)?.names.at(-1);
  const words = valueWords(value);
  return name && value && !isScalar(value) ? `${name} ${words}` : words;
}

/**
 * @param {GraphEdge} edge
 * @param {number} at
 * @param {Told} told
 */
function along(edge, at, told) {
  const { graph, step } = told;
  const node = /** @type {GraphNode} */ (graph.nodes.get(edge.target));
  const source = /** @type {GraphNode} */ (graph.nodes.get(edge.source));
  const incoming = gradWords(step.grads.get(node.id));
  const outgoing = gradWords(step.edgeGrads.get(edge.id));
  const to = nodeTitle(source);
  const what = node.grad_fn ?? node.op;
  const rule = node.derivatives.find(({ target_input: place }) => place === edge.target_input)?.text ?? "";
  const filled = chainRules(node, graph, step).find(({ place }) => place === edge.target_input)?.terms ?? [];
  const said = ruleWords({ rule, filled, incoming, outgoing, to }, node, told);
  return `${what}: ${said}${share(edge, at, told)}`;
}

/**
 * @param {{rule: string, filled: {text: string}[], incoming: string, outgoing: string, to: string}} said
 * @param {GraphNode} node
 * @param {Told} told
 * @returns {string} `gradient 1.0 times saved y = 5.0 gives 5.0 for x`
 */
function ruleWords({ rule, filled, incoming, outgoing, to }, node, told) {
  const same = incoming === outgoing;
  if (rule === "grad" && same) return `gradient ${incoming} passes on unchanged to ${to}`;
  if (rule === "grad * alpha" && same) return `gradient ${incoming} passes on unchanged to ${to}`;
  if (/^-grad( \* alpha)?$/.test(rule)) return `gradient ${incoming} changes its sign and gives ${outgoing} for ${to}`;
  const factor = /^grad ([*/@]) (\w+)$/.exec(rule);
  const saved = factor && savedWords(factor[2] ?? "", node, told);
  if (factor && saved) {
    const how = { "*": "times", "/": "divided by", "@": "matrix-multiplied by" }[factor[1] ?? "*"];
    return `gradient ${incoming} ${how} ${saved} gives ${outgoing} for ${to}`;
  }
  if (filled.length > 4) return `gradient ${filled.slice(1).map(({ text }) => text).join(" ")} for ${to}`;
  const by = rule ? ` by the rule ${rule.replaceAll(" * ", " · ")}` : "";
  return `gradient ${incoming}${by} gives ${outgoing} for ${to}`;
}

/**
 * @param {string} word of a rule: "other"
 * @param {GraphNode} node
 * @param {Told} told
 * @returns {string} `saved y = 5.0`, `3.0`; "" when it is not known
 */
function savedWords(word, node, { graph, step }) {
  const constant = node.attributes[word];
  if (typeof constant === "number") return numberText(constant);
  const saved = node.saved.find(({ name }) => name === word);
  const kept = saved?.node ? graph.nodes.get(saved.node) : undefined;
  if (!saved || !kept) return "";
  const own = kept.id === node.id;
  return `saved ${own ? "result" : nodeTitle(kept)} = ${valueWords(step.values.get(kept.id))}`;
}

/**
 * @param {GraphEdge} edge
 * @param {number} at
 * @param {Told} told
 * @returns {string} which of several contributions it is
 */
function share(edge, at, { graph, step }) {
  const parts = (graph.outOf.get(edge.source) ?? []).filter(({ id }) => step.edgeGrads.has(id));
  if (parts.length < 2) return "";
  const there = new Set(step.events.slice(0, at + 1).flatMap((event) => event.edge ?? []));
  const place = parts.filter(({ id }) => there.has(id)).length;
  return `, contribution ${place} of ${parts.length}`;
}

/**
 * @param {GraphNode} node
 * @param {Told} told
 */
function arrived(node, told) {
  const { graph, step } = told;
  const gradient = step.grads.get(node.id);
  const name = nodeTitle(node);
  if (node.id === step.lossNode) {
    const loss = lossName(graph, step);
    return `backward starts at ${name} with the seed ∂${loss}/∂${loss} = ${gradWords(gradient)}`;
  }
  if (node.kind === "leaf") return accumulated(node, told);
  const parts = contributions(node.id, graph, step);
  const where = node.grad_fn ? `, which enters ${node.grad_fn}` : "";
  if (parts.length < 2) return `gradient ${gradWords(gradient)} of ${name}${where ? ` enters ${node.grad_fn}` : ""}`;
  const sum = sumText(node.id, graph, step) || `${parts.length} contributions add up to ${gradWords(gradient)}`;
  return `gradients of ${name} meet: ${sum}${where}`;
}

/**
 * @param {GraphNode} node
 * @param {Told} told
 */
function accumulated(node, { graph, step, leftover }) {
  const name = `${nodeTitle(node)}.grad`;
  const own = step.grads.get(node.id);
  const total = step.leafGrads.get(node.id);
  const sum = sumText(node.id, graph, step);
  if (!total) return `AccumulateGrad: ${sum ? `${sum} becomes ${name}` : `${name} is now ${gradWords(own)}`}`;
  const old = leftover.get(node.id);
  const piled = old ? `${gradWords(old)} that was there + ${gradWords(own)}` : `${gradWords(own)} is added to what was there`;
  return `AccumulateGrad: ${name}: ${piled} = ${gradWords(total)}. Without zero_grad gradients pile up`;
}

/**
 * @param {GraphNode} node
 * @param {Told} told
 */
function updated(node, { step, lines }) {
  const update = step.updates.find(({ parameter }) => parameter === node.id);
  const name = nodeTitle(node);
  const who = update?.optimizer ?? "by hand";
  const { before, after } = update ?? {};
  if (!update || !before || !after) return `${who}: ${name} is updated`;
  if (isScalar(before) && isScalar(after)) return `${who}: ${name} ${scalarUpdate(update, lines)}`;
  const change = largestChange(before, after);
  const most = change === null ? "" : ` by at most ${numberText(change, { digits: 3 })}`;
  const sizes = norm(before) === null ? "" : ` (${gradText(before)} → ${numberText(norm(after), { digits: 3 })})`;
  return `${who}: ${name} ${shapeText(before.shape)} moves${most}${sizes}`;
}

/**
 * @param {Update} update of one number
 * @param {string[]} lines
 * @returns {string} `1.0 − 0.1 · 4.0 = 0.6`, if the snippet has that 0.1; else `1.0 − 0.4 = 0.6`
 */
function scalarUpdate({ before, after, gradient }, lines) {
  const numbers = [before, after, gradient].map((tensor) => Number(tensor?.values?.[0] ?? NaN));
  const [was = NaN, is = NaN, slope = NaN] = numbers;
  if (![was, is].every(Number.isFinite)) return `${numberText(was)} → ${numberText(is)}`;
  const rate = (was - is) / slope;
  const literal = literals(lines).find((value) => value > 0 && Math.abs(value - rate) <= 2e-3 * Math.abs(rate));
  const factor = slope < 0 ? `(${numberText(slope)})` : numberText(slope);
  if (literal !== undefined) {
    return `${numberText(was)} − ${numberText(literal)} · ${factor} = ${numberText(is)}`;
  }
  const sign = is <= was ? "−" : "+";
  return `${numberText(was)} ${sign} ${numberText(Math.abs(is - was))} = ${numberText(is)}`;
}

/** @param {string[]} lines @returns {number[]} the numbers that the snippet names */
function literals(lines) {
  return lines.flatMap((line) => line.replace(/#.*/, "").match(/\d+\.?\d*(?:e-?\d+)?|\.\d+(?:e-?\d+)?/gi) ?? []).map(Number);
}

/**
 * @param {Tensor} before
 * @param {Tensor} after
 * @returns {number | null} null when not all values are known
 */
function largestChange(before, after) {
  if (!before.values || !after.values) return null;
  const [was, is] = [matrixOf(before)?.cells, matrixOf(after)?.cells];
  if (!was || !is || was.length !== is.length) return null;
  return was.reduce((top, value, i) => Math.max(top, Math.abs((is[i] ?? value) - value)), 0);
}

/**
 * @param {GraphNode} node
 * @param {number} at
 * @param {Told} told
 */
function cleared(node, at, { step, leftover }) {
  const name = `${nodeTitle(node)}.grad`;
  const changed = step.events
    .slice(0, at)
    .findLast(({ node: id, phase }) => id === node.id && /^(backward|zero_grad)$/.test(phase));
  const own = step.leafGrads.get(node.id) ?? step.grads.get(node.id);
  const held = changed ? (changed.phase === "backward" ? own : undefined) : leftover.get(node.id);
  return held ? `zero_grad: ${name} ${gradWords(held)} is cleared` : `zero_grad: ${name} is cleared`;
}

const PHASES = { forward: "forward", backward: "backward", update: "update", zero_grad: "zero_grad" };

/**
 * @param {number} at
 * @param {Told} told
 * @returns {string} `backward · 3 of 9 · MulBackward0`
 */
export function positionText(at, { graph, step }) {
  const event = step.events[at];
  if (!event) return step.events.length === 0 ? "nothing to play" : `the whole step · ${step.events.length} events`;
  const count = step.events.filter(({ phase }) => phase === event.phase).length;
  const edge = event.edge === null ? undefined : graph.edges.get(event.edge);
  const node = graph.nodes.get(edge?.target ?? event.node ?? "");
  const place = step.events.slice(0, at + 1).filter(({ phase }) => phase === event.phase).length;
  const subject = node ? ` · ${subjectText(node, event.phase)}` : "";
  return `${PHASES[event.phase]} · ${place} of ${count}${subject}`;
}

/**
 * @param {GraphNode} node
 * @param {"forward" | "backward" | "update" | "zero_grad"} phase
 */
function subjectText(node, phase) {
  if (phase === "forward") return node.names.at(-1) ? `${node.op} → ${nodeTitle(node)}` : node.op;
  if (phase !== "backward") return `${nodeTitle(node)}${phase === "zero_grad" ? ".grad" : ""}`;
  return node.kind === "leaf" ? `AccumulateGrad → ${nodeTitle(node)}` : (node.grad_fn ?? node.op);
}
