/** A forward event in words: the code, what went in, what came out. */

/** @import {GraphEdge, GraphModel, GraphNode, StepModel} from "../model.d.ts" */
/** @import {Told} from "../narration.js" */

import { numberText } from "../number.js";
import { isScalar } from "../tensor.js";
import { resultWords, valueWords } from "./words.js";

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
 * @param {GraphNode} node
 * @param {number | null} line
 * @param {Told} told
 */
export function forward(node, line, { graph, step, lines }) {
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
