/** The chain rule at one node: torch's rule, and the numbers, small matrices or shapes of this step put into it. */

/** @import {GraphEdge, GraphModel, GraphNode, StepModel, Tensor} from "./model.d.ts" */
/** @import {Derivative} from "./contract.d.ts" */
/** @import {Expression} from "./expression.js" */

import { parse, parts } from "./expression.js";
import { numberText } from "./number.js";
import { summedText } from "./stage/contribution.js";
import { gradText, isScalar, shapeText } from "./tensor.js";

/**
 * @typedef {"grad" | "value" | "sign"} Role
 * @typedef {object} Term `matrix` is there where a small tensor is written out, with its text for who cannot see it
 * @property {string} text
 * @property {Role} role
 * @property {number[][]} [matrix]
 * @typedef {object} Rule
 * @property {string} latex
 * @property {string} words what it does, in a sentence
 * @property {string} text as torch code
 * @property {string} source where the rule stands
 * @property {boolean} formula false: only what computes it, and from what, is known
 * @property {Term[]} terms `= 1.0 · 5.0 = 5.0`; empty without a gradient in this step
 * @property {number} place of the input, as edges count them
 * @property {string} summed `summed over dim 0: [3, 4] → [4]` where the input was broadcast, else ""
 * @property {string} wanted what the gradient is of: the input's name
 * @typedef {{tensor: Tensor, role: Role}} Known
 */

/** Rows and columns of a matrix that is written out. */
const WRITTEN = 4;
/** More tensors than this in one rule are too many to follow. */
const FOLLOWED = 5;

const SIGNS = new Map([
  ["*", "\u00b7"], ["-", "\u2212"], ["<=", "\u2264"], [">=", "\u2265"], ["==", "="], ["!=", "\u2260"], ["~", "not"],
]);
const STRENGTH = new Map([["+", 1], ["-", 1], ["*", 2], ["/", 2], ["@", 2], ["**", 4]]);
const ATOM = 5;

/** Methods that are written as functions: `cos(2.0)`. */
const FUNCTIONS = new Set([
  "cos", "sin", "sinh", "cosh", "tanh", "exp", "log", "sqrt", "rsqrt", "abs", "sgn", "sigmoid", "erf", "digamma", "conj", "trunc",
  "floor", "isnan", "isfinite",
]);
/** Methods that only change the shape, and what is said of them. */
const SHAPED = new Map([["unsqueeze", ""], ["squeeze", ""], ["expand", "expanded"], ["reshape", "reshaped"]]);

/**
 * @param {GraphNode} node
 * @param {GraphModel} graph
 * @param {StepModel} step
 * @returns {Rule[]} one for each input that wants a gradient
 */
export function chainRules(node, graph, step) {
  const known = knownTensors(node, graph, step);
  return node.derivatives.map((derivative) => {
    const edge = inputEdge(node, derivative, graph);
    const result = edge ? step.edgeGrads.get(edge.id) : undefined;
    const source = edge ? graph.nodes.get(edge.source) : undefined;
    return {
      latex: derivative.latex,
      words: derivative.words ?? "",
      text: derivative.text,
      source: derivative.source,
      formula: derivative.kind !== "function",
      terms: result ? filledIn(derivative, known, result) : [],
      place: derivative.target_input,
      summed: summedText(edge, step),
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
 * @returns {Map<string, Known>} what the names in a rule stand for in this step
 */
function knownTensors(node, graph, step) {
  /** @type {Map<string, Known>} */
  const known = new Map();
  /** @param {string} name @param {Tensor | null | undefined} tensor @param {Role} role */
  const learn = (name, tensor, role) => {
    if (tensor) known.set(name, { tensor, role });
  };
  for (const edge of graph.into.get(node.id) ?? []) {
    const name = node.inputs[edge.target_input ?? 0];
    if (name !== undefined) learn(name, valueOn(edge, step), "value");
  }
  learn("result", step.values.get(node.id), "value");
  step.outputs.get(node.id)?.forEach((tensor, i) => learn(i === 0 ? "result" : `result${i}`, tensor, "value"));
  learn("grad", step.grads.get(node.id), "grad");
  return known;
}

/** @param {GraphEdge} edge @param {StepModel} step */
function valueOn(edge, step) {
  return step.outputs.get(edge.source)?.[edge.source_output ?? 0] ?? step.values.get(edge.source);
}

/**
 * @param {Derivative} derivative
 * @param {Map<string, Known>} known
 * @param {Tensor} result what torch computed
 * @returns {Term[]} only the result where the rule cannot be followed with numbers
 */
function filledIn(derivative, known, result) {
  const equals = sign("=");
  const outcome = written(result) ? tensorTerm(result, "grad") : gradTerm(`${shapeText(result.shape)} ${gradText(result)}`);
  const tree = derivative.kind === "function" ? null : parse(derivative.text);
  const used = tree ? tensorsIn(tree, known) : null;
  if (!tree || !used || used.length > FOLLOWED) return [equals, outcome];
  const numbers = written(result) && used.every(({ tensor }) => written(tensor));
  const terms = new Filler(known, numbers).terms(tree, 0);
  if (terms === null || (terms.length === 1 && numbers)) return [equals, outcome];
  if (numbers) return [equals, ...terms, equals, outcome];
  return [gradTerm(shapeText(result.shape)), equals, ...terms, sign(","), gradTerm(gradText(result))];
}

/**
 * @param {Expression} tree
 * @param {Map<string, Known>} known
 * @returns {Known[] | null} the tensors that its names stand for; null where one is not known
 */
function tensorsIn(tree, known) {
  const found = [];
  for (const part of parts(tree)) {
    const name = nameOf(part);
    if (name === null || name === "torch" || name === "F" || isIndexed(part, tree)) continue;
    const one = known.get(name);
    if (!one) return null;
    found.push(one);
  }
  return found;
}

/** @param {Expression} part @returns {string | null} `self`, `tensors[1]` */
function nameOf(part) {
  if (part.kind === "name") return part.name;
  return part.kind === "item" && part.of.kind === "name" ? `${part.of.name}${part.place}` : null;
}

/** The plain `tensors` of `tensors[1]` stands for nothing. @param {Expression} part @param {Expression} tree */
function isIndexed(part, tree) {
  return part.kind === "name" && parts(tree).some((other) => other.kind === "item" && other.of === part);
}

/** @param {string} text @returns {Term} */
function sign(text) {
  return { text, role: "sign" };
}

/** @param {string} text @returns {Term} */
function gradTerm(text) {
  return { text, role: "grad" };
}

/** @param {Tensor} tensor @returns {boolean} small enough to be written out */
function written({ shape, values }) {
  const small = shape.length <= 2 && shape.every((length) => length <= WRITTEN);
  return small && values !== null && values.length > 0 && !values.some(Array.isArray);
}

/**
 * @param {Tensor} tensor
 * @param {Role} role
 * @param {boolean} [turned] transposed
 * @returns {Term} a number, or a matrix
 */
function tensorTerm(tensor, role, turned = false) {
  if (isScalar(tensor)) return { text: numberText(tensor.values?.[0]), role };
  const values = /** @type {number[]} */ (tensor.values);
  const columns = tensor.shape.at(-1) ?? 1;
  const rows = Array.from({ length: values.length / columns }, (_, i) => values.slice(i * columns, (i + 1) * columns));
  const matrix = turned ? Array.from({ length: columns }, (_, j) => rows.map((row) => row[j] ?? NaN)) : rows;
  return { text: `[${matrix.map((row) => row.map((v) => numberText(v, { digits: 3 })).join(", ")).join("; ")}]`, role, matrix };
}

/** Writes an expression with what its names stand for. */
class Filler {
  #known;
  #numbers;

  /** @param {Map<string, Known>} known @param {boolean} numbers else shapes */
  constructor(known, numbers) {
    this.#known = known;
    this.#numbers = numbers;
  }

  /**
   * @param {Expression} tree
   * @param {number} around how tightly what is around it holds together
   * @returns {Term[] | null} null for what would not be followed
   */
  terms(tree, around) {
    switch (tree.kind) {
      case "number":
        return [{ text: short(tree.text), role: "value" }];
      case "unary":
        return this.#wrapped(3, around, this.#joined(sign(SIGNS.get(tree.sign) ?? tree.sign), this.terms(tree.of, 3)));
      case "binary":
        return this.#binary(tree, around);
      case "attribute":
        return tree.name === "mT" ? this.#turned(tree.of) : null;
      case "call":
        return this.#call(tree, around);
      case "name":
      case "item":
        return this.#tensor(nameOf(tree), false);
      default:
        return null;
    }
  }

  /** @param {string | null} name @param {boolean} turned @returns {Term[] | null} */
  #tensor(name, turned) {
    const known = name === null ? undefined : this.#known.get(name);
    if (!known) return null;
    const { tensor, role } = known;
    if (this.#numbers || isScalar(tensor)) return [tensorTerm(tensor, role, turned)];
    const shape = turned ? [...tensor.shape.slice(0, -2), ...tensor.shape.slice(-2).reverse()] : tensor.shape;
    return [{ text: shapeText(shape), role }];
  }

  /** @param {Expression} of @returns {Term[] | null} */
  #turned(of) {
    return this.#tensor(nameOf(of), true) ?? this.#joined(this.terms(of, ATOM), sign("\u1d40"));
  }

  /** @param {import("./expression.js").Binary} tree @param {number} around */
  #binary({ sign: word, left, right }, around) {
    const strength = STRENGTH.get(word) ?? 0;
    const tight = word === "-" || word === "/" || word === "**" ? strength + 1 : strength;
    const circled = word === "*" && this.#hasDims(left) && this.#hasDims(right);
    const text = word === "**" ? "^" : circled ? "\u2299" : (SIGNS.get(word) ?? word);
    const inside = this.#joined(this.terms(left, word === "**" ? ATOM : strength), sign(text), this.terms(right, tight));
    return strength === 0 ? this.#joined(sign("["), inside, sign("]")) : this.#wrapped(strength, around, inside);
  }

  /** @param {import("./expression.js").Call} tree @param {number} around @returns {Term[] | null} */
  #call({ name, of, given }, around) {
    if (!of) return null;
    if (name === "t") return this.#turned(of);
    if (FUNCTIONS.has(name)) return this.#joined(sign(`${name}(`), this.terms(of, 0), sign(")"));
    const said = SHAPED.get(name);
    if (said !== undefined) {
      const inside = this.terms(of, said ? ATOM : around);
      return said === "" || this.#isPlain(of) ? inside : this.#joined(inside, sign(said));
    }
    if (name !== "sum") return null;
    const [dims] = given;
    const several = dims?.kind === "list" ? `summed over dims ${dims.text.slice(1, -1)}` : "summed";
    const over = dims?.kind === "number" ? `summed over dim ${dims.text}` : several;
    return this.#joined(this.terms(of, 3), sign(over));
  }

  /** @param {Expression} tree @returns {boolean} made of single numbers: a shape says nothing there */
  #isPlain(tree) {
    return (tensorsIn(tree, this.#known) ?? []).every(({ tensor }) => isScalar(tensor)) && !this.#hasDims(tree);
  }

  /** @param {Expression} tree */
  #hasDims(tree) {
    return (tensorsIn(tree, this.#known) ?? []).some(({ tensor }) => tensor.numel !== 1);
  }

  /** @param {number} strength @param {number} around @param {Term[] | null} inside */
  #wrapped(strength, around, inside) {
    return strength >= around ? inside : this.#joined(sign("("), inside, sign(")"));
  }

  /** @param {(Term | Term[] | null)[]} pieces @returns {Term[] | null} null where one is missing */
  #joined(...pieces) {
    return pieces.includes(null) ? null : pieces.flatMap((piece) => piece ?? []);
  }
}

/**
 * @param {{text: string}[]} terms
 * @returns {string} with a blank between two, but none before a comma
 */
export function spaced(terms) {
  return terms.map(({ text }, i) => (i > 0 && text !== "," ? ` ${text}` : text)).join("");
}

/** @param {string} text a number as the rule has it @returns {string} at most four digits */
function short(text) {
  return text.length <= 6 ? text : numberText(Number(text));
}
