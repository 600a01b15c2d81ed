/** A problem in words: what failed, with what, what to do, and code that would do. For the output and the editor. */

/** @import {Fix, Operand, Problem} from "../model.d.ts" */

import { html, nothing, render } from "./template.js";

/** Characters of a message below the failing line. */
const LONGEST = 110;

/**
 * @typedef {object} ProblemActions
 * @property {(fix: Fix) => void} onFix
 * @property {(node: string, step: number | null) => void} onNode
 */

/**
 * Text in which pieces of code stand between backticks.
 *
 * @param {string} text
 */
export function coded(text) {
  return text.split("`").map((piece, i) => (i % 2 === 1 ? html`<code>${piece}</code>` : piece));
}

/**
 * What the failing expression worked with: `x [2, 3]`, the sizes that clash told apart by more than their colour.
 *
 * @param {Operand[]} operands
 * @param {ProblemActions} actions
 */
export function operandList(operands, actions) {
  if (operands.length === 0) return nothing;
  return html`<ul class="operands">${operands.map((operand) => html`<li>${operandChip(operand, actions)}</li>`)}</ul>`;
}

/**
 * @param {Operand} operand
 * @param {ProblemActions} actions
 */
function operandChip(operand, { onNode }) {
  const { name, shape, dtype, clash, text, line, node, step, type_name: type } = operand;
  const kind = dtype === null ? type : dtype.replace("torch.", "");
  const title = [kind, line === null ? "" : `made in line ${line}`].filter(Boolean).join(", ");
  const said = html`<span class="operand-name">${name}</span>
    ${shape === null ? nothing : shapeView(shape, clash)}
    <span class="operand-kind">${text ?? (kind === "float32" ? "" : kind)}</span>`;
  if (node === null) return html`<span class="operand" title=${title} data-operand=${name}>${said}</span>`;
  return html`<button class="operand" title="${title}: show it" data-operand=${name} @click=${() => onNode(node, step)}>
    ${said}
  </button>`;
}

/**
 * @param {number[]} shape
 * @param {number[]} clash places in it
 */
function shapeView(shape, clash) {
  const sizes = shape.map((size, i) => [i > 0 ? ", " : "", clash.includes(i) ? html`<b class="clash">${size}</b>` : size]);
  return html`<span class="operand-shape">[${sizes}]</span>`;
}

/**
 * @param {Problem} problem
 * @param {ProblemActions} actions
 */
export function remedy({ suggestion, fixes }, { onFix }) {
  return html`
    ${suggestion ? html`<p class="suggestion">${coded(suggestion)}</p>` : nothing}
    ${fixes.length === 0
      ? nothing
      : html`<div class="fixes">
          ${fixes.map(
            (fix) => html`<button class="fix" title=${fix.code.trim()} @click=${() => onFix(fix)}>
              Apply <code>${fix.label}</code>
            </button>`,
          )}
        </div>`}
  `;
}

/**
 * Torch explains at length in its messages; the editor has no room for it, and an explanation of its own.
 *
 * @param {string} message
 */
function brief(message) {
  const first = message.split(/(?<=\w\)?)\. (?=[A-Z])| Hint: /)[0] ?? message;
  return first.length <= LONGEST ? first : `${first.slice(0, first.lastIndexOf(" ", LONGEST))} \u2026`;
}

/**
 * Below the failing line: short, because the output says it in full. Sizes that clash explain themselves.
 *
 * @param {Problem} problem
 * @param {ProblemActions} actions
 */
export function problemNote(problem, actions) {
  const { kind, message, explanation, operands } = problem;
  const plain = operands.some(({ clash }) => clash.length > 0);
  return html`<div class="message"><strong>${kind}:</strong> ${explanation ? brief(message) : message}</div>
    ${operandList(operands, actions)}
    ${explanation && !plain ? html`<p class="explanation">${coded(explanation)}</p>` : nothing}
    ${remedy(problem, actions)}`;
}

/**
 * @param {import("./marks.js").Failure} failure
 * @returns {HTMLElement} what stands below the line that failed
 */
export function problemElement({ problem, actions }) {
  const box = document.createElement("div");
  box.className = "problem";
  box.dataset.failure = problem.kind;
  render(problemNote(problem, actions), box);
  return box;
}
