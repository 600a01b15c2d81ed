/** Finite differences beside autograd's gradient, for one leaf. */

/** @import {GraphNode} from "../model.d.ts" */
/** @import {CheckedElement, CheckedLeaf, GradientCheck} from "../contract.d.ts" */
/** @import {Subject} from "./inspector.js" */

import { numberText } from "../number.js";
import { card } from "./pieces.js";
import { html, nothing } from "./template.js";

/**
 * @param {GraphNode} node
 * @param {Subject} subject
 * @returns {unknown} a template: a button, or what was found
 */
export function checkCard(node, subject) {
  if (node.kind !== "leaf" || !subject.onCheck) return nothing;
  return card("Gradient check", html`<div data-gradcheck>${body(node, subject)}</div>`);
}

/**
 * @param {GraphNode} node
 * @param {Subject} subject
 */
function body(node, { check, onCheck }) {
  if (!check) {
    return html`<button class="button" type="button" @click=${onCheck}>Check this gradient</button>
      <p class="quiet">Moves each number a little, runs the snippet again, and compares the slope of the loss.</p>`;
  }
  if (check.phase === "checking") return html`<p class="quiet" role="status">Running the snippet again and again …</p>`;
  if (check.phase === "failed") {
    return html`<p>${check.why}</p><button class="button" type="button" @click=${onCheck}>Try again</button>`;
  }
  const leaf = leafOf(node, check.found);
  if (leaf) return leafView(leaf, check.found);
  return html`<p>${check.found.reason ?? "The first backward does not reach this leaf"}.</p>`;
}

/**
 * @param {GraphNode} node
 * @param {GradientCheck} found
 * @returns {CheckedLeaf | undefined}
 */
function leafOf(node, { leaves }) {
  const named = leaves.find(({ name }) => name !== null && node.names.includes(name));
  return named ?? leaves.find((leaf) => leaf.node === node.id);
}

/**
 * @param {CheckedLeaf} leaf
 * @param {GradientCheck} found
 */
function leafView(leaf, { line, epsilon }) {
  const { elements, agrees, reason, difference } = leaf;
  if (elements.length === 0) return html`<p>Not checked: ${reason}.</p>`;
  const verdict = agrees
    ? html`<p class="agrees">They agree: apart by at most ${exact(difference ?? 0)}.</p>`
    : html`<p class="disagrees">They do not agree: apart by up to ${exact(difference ?? 0)}. Is a backward or a hook of your own wrong?</p>`;
  const all = leaf.shape.reduce((count, length) => count * length, 1);
  return html`${verdict}
    <div class="check-scroll">
      <table class="check-table">
        <thead><tr><th>at</th><th>autograd</th><th>slope</th><th>apart</th></tr></thead>
        <tbody>${elements.map(row)}</tbody>
      </table>
    </div>
    <p class="quiet">
      ${elements.length < all ? `${elements.length} of ${all.toLocaleString("en-US")} numbers, ` : ""}each moved by ±${exact(epsilon)}, in
      float64${line === null ? "" : `, up to the backward in line ${line}`}.
      ${elements.every(({ smooth }) => smooth) ? "" : "At a corner the slopes to both sides differ, and autograd takes one of them."}
      ${reason ? `Not all: ${reason}.` : ""}
    </p>`;
}

/** @param {CheckedElement} element */
function row({ index, analytical, numerical, difference, smooth }) {
  return html`<tr>
    <td>[${index.join(", ")}]${smooth ? "" : " corner"}</td>
    <td class="grad">${numberText(analytical, { digits: 6 })}</td>
    <td>${numberText(numerical, { digits: 6 })}</td>
    <td>${exact(difference)}</td>
  </tr>`;
}

/** @param {number} value @returns {string} `2.1e-10` */
function exact(value) {
  return value === 0 ? "0" : numberText(Number(value.toPrecision(2)), { digits: 3 });
}
