/** What stands beside and below the lines of the editor: values, gradients, the problem. */

/** @import {Bound, GraphModel, Problem, Run, StepModel} from "../model.d.ts" */
/** @import {ProblemActions} from "./problem.js" */

import { numberText } from "../number.js";
import { nodeTitle } from "../stage/card.js";
import { cut } from "../stage/text.js";
import { gradText, valueText } from "../tensor.js";

/**
 * @typedef {{name: string, value: string, tail: string}} Part
 * @typedef {{line: number, role: "value" | "grad", parts: Part[], width?: number}} Chip `width`: characters that it has
 *   at least
 * @typedef {{problem: Problem, actions: ProblemActions}} Failure
 * @typedef {{line: number, message: string}} Caution a notice that is a warning, at its line
 */

/** Gradients written beside the line of backward; more are counted. */
const GRADS = 4;
/** Characters of a value. */
const LONGEST = 32;

/**
 * @param {Run} run
 * @param {{graph: GraphModel, step: StepModel} | null} shown what the stage shows
 * @param {string[]} lines of the snippet
 * @returns {Chip[]} at most one of each role for a line
 */
export function chipsOf(run, shown, lines) {
  /** @type {Map<number, Part[]>} */
  const byLine = new Map();
  for (const binding of run.bindings) {
    const value = shownText(binding, run, shown) || binding.text;
    if (repeats(lines[binding.line - 1] ?? "", value)) continue;
    const part = { name: cut(binding.name, 20), value: cut(value, LONGEST), tail: binding.grad_fn ?? "" };
    byLine.set(binding.line, [...(byLine.get(binding.line) ?? []), part]);
  }
  /** @type {Chip[]} */
  const chips = [...byLine].map(([line, parts]) => ({ line, role: "value", parts }));
  const gradients = shown && gradientChip(shown.graph, shown.step);
  return gradients ? [...chips, gradients] : chips;
}

/**
 * @param {Bound} binding
 * @param {Run} run
 * @param {{graph: GraphModel, step: StepModel} | null} shown
 * @returns {string} the value that the name had in the step that is shown; "" when that step does not tell
 */
function shownText({ line, name, nodes, type_name: type }, run, shown) {
  if (!shown) return "";
  const node = nodes.get(shown.graph.id);
  if (node === undefined) {
    const number = type === "int" || type === "float" ? run.curves.named(name)?.at(shown.step.index) : undefined;
    if (number === undefined) return "";
    return type === "int" ? String(number) : numberText(number);
  }
  const updates = shown.step.events.some((event) => event.phase === "update" && event.node === node && event.line === line);
  const update = updates ? shown.step.updates.find(({ parameter }) => parameter === node) : undefined;
  return valueText(update?.after ?? shown.step.values.get(node));
}

/**
 * @param {string} line
 * @param {string} value
 * @returns {boolean} the line itself already says the value: `lr = 0.1`
 */
export function repeats(line, value) {
  const words = line.match(/[\w.]+(?:e-?\d+)?|"[^"]*"|'[^']*'/g) ?? [];
  return words.some((word) => word === value || (/^[\d.]/.test(word) && Number(word) === Number(value)));
}

/**
 * @param {GraphModel} graph
 * @param {StepModel} step
 * @returns {Chip | null}
 */
function gradientChip(graph, step) {
  if (step.backwardLine === null) return null;
  const leaves = [...graph.nodes.values()].filter((node) => node.kind === "leaf" && node.names.length > 0 && step.grads.has(node.id));
  const parts = leaves.slice(0, GRADS).map((node) => ({
    name: `${cut(nodeTitle(node), 24)}.grad`,
    value: gradText(step.leafGrads.get(node.id) ?? step.grads.get(node.id)),
    tail: "",
  }));
  if (leaves.length > GRADS) parts.push({ name: `+ ${leaves.length - GRADS} more`, value: "", tail: "" });
  return parts.length > 0 ? { line: step.backwardLine, role: "grad", parts } : null;
}

/**
 * Keeps a run's chips from getting narrower: with every other number that comes, a line would have room for its chip
 * and then none.
 */
export class Widths {
  #run = 0;
  /** @type {Map<string, number>} */
  #widest = new Map();

  /**
   * @param {Chip[]} chips
   * @param {number} run its number
   * @returns {Chip[]} each as wide as the widest that its line has had in this run
   */
  keep(chips, run) {
    if (run !== this.#run) this.#widest.clear();
    this.#run = run;
    return chips.map((chip) => {
      const place = `${chip.role} ${chip.line}`;
      const width = Math.max(textOf(chip).length, this.#widest.get(place) ?? 0);
      this.#widest.set(place, width);
      return { ...chip, width };
    });
  }
}

/** @param {Chip} chip */
function textOf({ parts }) {
  return parts.map(({ name, value, tail }) => [name, value && ` ${value}`, tail && ` \u00b7 ${tail}`].join("")).join(" \u00b7 ");
}

/**
 * @param {Chip} chip
 * @returns {HTMLElement}
 */
export function chipElement({ line, role, parts, width }) {
  const chip = element("span", `chip ${role}`);
  chip.dataset.chip = String(line);
  if (width) chip.style.minWidth = `min(100%, calc(${width}ch + var(--chip-edges)))`;
  parts.forEach(({ name, value, tail }, i) => {
    if (i > 0) chip.append(" \u00b7 ");
    chip.append(element("span", "name", name));
    if (value) chip.append(" ", element("span", "value", value));
    if (tail) chip.append(` \u00b7 ${tail}`);
  });
  chip.title = chip.textContent ?? "";
  return chip;
}

/**
 * @param {Caution} caution
 * @returns {HTMLElement}
 */
export function cautionElement({ line, message }) {
  const mark = element("span", "caution", "!");
  mark.title = message.replaceAll("`", "");
  mark.dataset.caution = String(line);
  mark.setAttribute("role", "img");
  mark.setAttribute("aria-label", `warning: ${mark.title}`);
  return mark;
}

/**
 * @param {string} name
 * @param {string} className
 * @param {string} [text]
 */
function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}
