/** What the inspector says, at a moment of a step, of what is still to come. */

/** @import {GraphNode} from "../model.d.ts" */
/** @import {Subject} from "./inspector.js" */

import { countText } from "../number.js";
import { nodeTitle } from "../stage/card.js";
import { contributions, lossName } from "../stage/contribution.js";
import { card } from "./pieces.js";
import { html, nothing } from "./template.js";

/**
 * @param {GraphNode} node
 * @param {Subject} subject
 * @returns {string} of the card with the gradient that the node has
 */
export function gradientTitle(node, { graph, step, whole }) {
  const left = whole && node.kind === "leaf" && !step.grads.has(node.id);
  return left ? "Gradient that the step before left" : `Gradient \u2202${lossName(graph, step)}/\u2202${nodeTitle(node)}`;
}

/**
 * @param {GraphNode} node without a value
 * @param {Subject} subject
 * @returns {unknown} a template; nothing where no value comes
 */
export function aheadValue({ id }, { whole }) {
  return whole?.values.has(id) ? card("Value", html`<p class="quiet" data-ahead>not computed yet</p>`) : nothing;
}

/**
 * @param {GraphNode} node without a gradient
 * @param {Subject} subject
 * @returns {unknown} a template; nothing where no gradient comes
 */
export function aheadGradient(node, subject) {
  const { graph, step, whole } = subject;
  if (!whole?.grads.has(node.id)) return nothing;
  const own = step.events.filter(({ phase, node: id }) => id === node.id && phase !== "forward");
  const emptied = own.at(-1)?.phase === "zero_grad" && own.some(({ phase }) => phase === "backward");
  const parts = contributions(node.id, graph, step);
  const all = contributions(node.id, graph, whole).length;
  const several = all > 1 ? `${parts.length} of ${countText(all, "contribution")} so far` : "";
  const words = parts.length > 0 ? several || "has come along the edge, not yet in the node" : "has not come yet";
  return card(gradientTitle(node, { ...subject, whole: null }),
    html`<p class="quiet" data-ahead>${emptied ? "emptied by zero_grad" : words}</p>`);
}
