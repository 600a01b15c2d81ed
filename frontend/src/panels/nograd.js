/** Why is .grad None, for the tensor that is selected. */

/** @import {GraphNode} from "../model.d.ts" */
/** @import {NamedGradient} from "../contract.d.ts" */
/** @import {Subject} from "./inspector.js" */

import { html, nothing } from "./template.js";

/**
 * @param {GraphNode} node
 * @param {Subject} subject
 * @returns {unknown} a template; nothing where .grad is there, or where the snippet has no name for it
 */
export function noGradCard(node, subject) {
  const told = gradientOf(node, subject);
  if (!told || told.state === "present") return nothing;
  const when = told.state === "gone" ? "it was a local name: " : "";
  return html`<section class="card none-card" data-none=${told.reason ?? ""}>
    <h3>Why is ${told.name}.grad None?</h3>
    <p class="none-text"><code>${told.name}.grad</code> is None because ${when}${told.text}.</p>
    ${told.suggestion ? html`<p class="none-advice">${withCode(told.suggestion)}.</p>` : nothing}
  </section>`;
}

/**
 * @param {GraphNode} node
 * @param {Subject} subject
 * @returns {NamedGradient | undefined} the last that the snippet says of this node
 */
export function gradientOf(node, { run, graph }) {
  const graphs = new Map(run.steps.map(({ index, graph: id }) => [index, id]));
  const here = run.gradients.filter((told) => told.node === node.id && graphs.get(told.step ?? -1) === graph.id);
  return here.findLast(({ line }) => line === node.line) ?? here.at(-1);
}

/**
 * @param {string} text with code in backquotes
 * @returns {unknown[]}
 */
function withCode(text) {
  return text.split("`").map((part, i) => (i % 2 === 1 ? html`<code>${part}</code>` : part));
}
