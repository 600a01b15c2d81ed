/** The chain rule at one node: torch's rule, and where everything is a single number, with the numbers in it. */

/** @import {GraphModel, GraphNode, StepModel, Tensor} from "./model.d.ts" */
/** @import {Derivative} from "./contract.d.ts" */

import { numberText } from "./number.js";
import { gradText, isScalar, shapeText } from "./tensor.js";

/**
 * @typedef {{text: string, role: "grad" | "value" | "sign"}} Term
 * @typedef {object} Rule
 * @property {string} latex
 * @property {string} text the rule in torch's words
 * @property {string} source where the rule stands
 * @property {Term[]} terms `= 1.0 · 5.0 = 5.0`; empty without numbers to fill in
 * @property {number} place of the input, as edges count them
 * @property {string} wanted what the gradient is of: the input's name
 */

const WORD = /self\.(?:numel|cos|sin|sgn)\(\)|[A-Za-z_]\w*|\*\*|[-+*/(),]|\d+(?:\.\d+)?|\s+/gy;
const SIGNS = new Map([["*", "\u00b7"], ["-", "\u2212"], ["**", "^"]]);

/**
 * @param {GraphNode} node
 * @param {GraphModel} graph
 * @param {StepModel} step
 * @returns {Rule[]} one for each input that wants a gradient and has a rule
 */
export function chainRules(node, graph, step) {
  const known = knownNumbers(node, graph, step);
  return node.derivatives.map((derivative) => {
    const edge = inputEdge(node, derivative, graph);
    const result = edge ? step.edgeGrads.get(edge.id) : undefined;
    const source = edge ? graph.nodes.get(edge.source) : undefined;
    return {
      latex: derivative.latex,
      text: derivative.text,
      source: derivative.source,
      terms: result ? filledIn(derivative.text, known, result) : [],
      place: derivative.target_input,
      wanted: source?.names.at(-1) ?? derivative.input,
    };
  });
}

/**
 * @param {GraphNode} node
 * @param {Derivative} derivative
 * @param {GraphModel} graph
 */
function inputEdge(node, derivative, graph) {
  return graph.into.get(node.id)?.find((edge) => edge.target_input === derivative.target_input);
}

/**
 * @param {GraphNode} node
 * @param {GraphModel} graph
 * @param {StepModel} step
 * @returns {Map<string, Term>} what the words of a rule stand for, where that is one number
 */
function knownNumbers(node, graph, step) {
  /** @type {Map<string, Term>} */
  const known = new Map();
  /** @param {string} name @param {Tensor | undefined} tensor @param {Term["role"]} role */
  const learn = (name, tensor, role) => {
    if (tensor && isScalar(tensor)) known.set(name, { text: numberText(tensor.values?.[0]), role });
  };
  for (const [name, value] of Object.entries(node.attributes)) {
    if (typeof value === "number") known.set(name, { text: numberText(value), role: "value" });
  }
  for (const derivative of node.derivatives) {
    const edge = inputEdge(node, derivative, graph);
    learn(derivative.input, edge && step.values.get(edge.source), "value");
  }
  for (const saved of node.saved) learn(saved.name, saved.node ? step.values.get(saved.node) : undefined, "value");
  const inputs = graph.into.get(node.id) ?? [];
  if (!known.has("self")) learn("self", inputs[0] && step.values.get(inputs[0].source), "value");
  learn("result", step.values.get(node.id), "value");
  learn("grad", step.grads.get(node.id), "grad");
  return known;
}

/**
 * @param {string} text `grad * other`
 * @param {Map<string, Term>} known
 * @param {Tensor} result what torch computed
 * @returns {Term[]} empty when a word of the rule is not a known number
 */
function filledIn(text, known, result) {
  if (!isScalar(result)) return tensorResult(result);
  const words = text.match(WORD);
  /** @type {Term} */
  const outcome = { text: gradText(result), role: "grad" };
  /** @type {Term[]} */
  const terms = [{ text: "=", role: "sign" }];
  if (words?.join("") !== text) return [...terms, outcome];
  for (const word of words) {
    if (word.trim() === "" || word === "alpha" && !known.has("alpha")) continue;
    const term = known.get(word) ?? wordTerm(word, known);
    if (!term) return [{ text: "=", role: "sign" }, outcome];
    terms.push(term);
  }
  while (terms.at(-1)?.text === "\u00b7") terms.pop();
  return terms.length === 2 && terms[1]?.text === outcome.text ? terms : [...terms, { text: "=", role: "sign" }, outcome];
}

/** @param {Tensor} result @returns {Term[]} */
function tensorResult(result) {
  return [{ text: "=", role: "sign" }, { text: `${shapeText(result.shape)} ${gradText(result)}`, role: "grad" }];
}

/**
 * @param {string} word
 * @param {Map<string, Term>} known
 * @returns {Term | null}
 */
function wordTerm(word, known) {
  if (/^\d/.test(word)) return { text: word, role: "value" };
  if (/^\W+$/.test(word)) return { text: SIGNS.get(word) ?? word, role: "sign" };
  const called = /^self\.(cos|sin|sgn)\(\)$/.exec(word)?.[1];
  const self = known.get("self");
  if (called && self) return { text: `${called}(${self.text})`, role: "value" };
  return word === "self.numel()" ? { text: "1", role: "value" } : null;
}
