/** What a step did to the parameters: the updates and zero_grad. */

/** @import {GraphModel, StepModel, Tensor, Update} from "../model.d.ts" */

import { countText } from "../number.js";
import { gradText, isScalar, isWritten, norm, valueText } from "../tensor.js";
import { facts } from "./pieces.js";
import { html, nothing } from "./template.js";

const SHOWN = 12;

/**
 * @param {StepModel} step
 * @param {GraphModel} graph
 * @param {(node: string) => void} onNode
 * @returns {unknown} a template
 */
export function updatesCard(step, graph, onNode) {
  const { updates } = step;
  const zeroed = zeroLine(step);
  if (updates.length === 0 && zeroed === "") return nothing;
  const by = [...new Set(updates.map(({ optimizer }) => optimizer ?? "hand"))].join(", ");
  const more = updates.length - SHOWN;
  return html`<section class="card update-card" data-updates>
    <h3>${by ? `Updates in this step, by ${by}` : "This step"}</h3>
    <ul class="updates">
      ${updates.slice(0, SHOWN).map(
        (update) => html`<li>
          <button class="link" @click=${() => onNode(update.parameter)}>${nameOf(update, graph)}</button>
          ${changed(update)}
        </li>`,
      )}
    </ul>
    ${more > 0 ? html`<p class="quiet">and ${more} more</p>` : nothing}
    ${zeroed ? html`<p class="quiet" data-zeroed>${zeroed}</p>` : nothing}
  </section>`;
}

/**
 * @param {string} node
 * @param {StepModel} step
 * @returns {unknown} a template
 */
export function updateCard(node, step) {
  const updates = step.updates.filter(({ parameter }) => parameter === node);
  if (updates.length === 0) return nothing;
  return updates.map(
    (update) => html`<section class="card update-card" data-update>
      <h3>Update by ${update.optimizer ?? "hand"}</h3>
      <p class="update-figure">${changed(update)}</p>
      ${update.gradient ? html`<p class="quiet">from the gradient <span class="grad">${gradText(update.gradient)}</span></p>` : nothing}
      ${zeroLine(step, node) ? html`<p class="quiet" data-zeroed>${zeroLine(step, node)}</p>` : nothing}
      ${kept(update).length > 0 ? facts(kept(update)) : nothing}
    </section>`,
  );
}

/**
 * @param {Update} update
 * @returns {[string, string][]} what the optimizer keeps for the parameter, and how it was set
 */
function kept({ state, hyperparameters }) {
  const own = [...state].map(([name, tensor]) => /** @type {[string, string]} */ ([name, short(tensor)]));
  const set = Object.entries(hyperparameters).filter(([, value]) => value !== null && value !== false);
  return [...own, ...set.map(([name, value]) => /** @type {[string, string]} */ ([name, settingText(value)]))];
}

/**
 * @param {unknown} value
 * @returns {string} `0.001`, `0.9, 0.999`
 */
function settingText(value) {
  if (Array.isArray(value)) return value.map(settingText).join(", ");
  return String(value);
}

/** @param {Update} update @param {GraphModel} graph */
function nameOf({ parameter, name }, graph) {
  return graph.nodes.get(parameter)?.names.at(-1) ?? name ?? parameter;
}

/**
 * @param {Update} update
 * @returns {unknown} a template: before, an arrow, after
 */
function changed({ before, after }) {
  return html`<span class="change"><span>${short(before)}</span> → <strong>${short(after)}</strong></span>`;
}

/**
 * @param {Tensor | null} tensor
 * @returns {string} its value where it is short, else its norm
 */
function short(tensor) {
  if (!tensor) return "?";
  if (isScalar(tensor) || isWritten(tensor) || norm(tensor) === null) return valueText(tensor);
  return gradText(tensor);
}

/**
 * @param {StepModel} step
 * @param {string} [only] about this leaf
 * @returns {string} "" without a zero_grad
 */
function zeroLine({ events }, only) {
  const cleared = events.filter(({ phase, node }) => phase === "zero_grad" && (only === undefined || node === only));
  const [first] = cleared;
  if (!first) return "";
  const line = first.line ? `line ${first.line} ` : "";
  if (only !== undefined) return `zero_grad: ${line}clears this gradient`;
  return `zero_grad: ${line}clears ${countText(cleared.length, "gradient")}, else the next step would add to them`;
}
