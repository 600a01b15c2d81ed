/** The inspector: everything about what is selected, or an overview of the run. */

/** @import {GraphModel, GraphNode, Run, Selection, StepModel} from "../model.d.ts" */

import { leavesOf } from "../leaves.js";
import { countText, durationText, numberText } from "../number.js";
import { stepText, turnText } from "../run.js";
import { nodeTitle } from "../stage/card.js";
import { lossName } from "../stage/contribution.js";
import { gradText, shapeText } from "../tensor.js";
import { aheadGradient, aheadValue, gradientTitle } from "./ahead.js";
import { edgesView, edgeView } from "./edges.js";
import { checkCard } from "./gradcheck.js";
import { updateCard, updatesCard } from "./learning.js";
import { noGradCard } from "./nograd.js";
import { originCard } from "./origin.js";
import { meetingCard } from "./meeting.js";
import { card, facts, link, tensorBody } from "./pieces.js";
import { ruleCard } from "./rules.js";
import { groupView, isMeta, nodeSizeRows, partsCard, savedCard, totalRows } from "./sizes.js";
import { html, nothing, render } from "./template.js";

/**
 * @typedef {object} Subject
 * @property {Run} run
 * @property {GraphModel} graph
 * @property {StepModel} step as far as it has come
 * @property {StepModel | null} [whole] all of it, at a moment of its playback; null where `step` is all
 * @property {string[]} lines of the snippet that was run
 * @property {(selection: Selection) => void} onSelect
 * @property {import("../page/checking.js").Check | null} [check] of the gradients of this snippet, if it was asked for
 * @property {() => void} [onCheck] asks for it
 */

/**
 * @param {HTMLElement} host
 * @param {Subject | null} subject null before the first run
 * @param {Selection | null} selection
 */
export function showInspector(host, subject, selection) {
  render(subject ? content(subject, selection) : welcome(), host);
}

/**
 * @param {Subject} subject
 * @param {Selection | null} selection
 */
function content(subject, selection) {
  const node = selection?.type === "node" ? subject.graph.nodes.get(selection.id) : undefined;
  if (node) return nodeView(node, subject);
  if (selection?.type === "edges") return edgesView(selection.id.split(" "), subject);
  const group = selection?.type === "group" ? subject.graph.groups.get(selection.id) : undefined;
  if (group) return groupView(group, subject);
  const edge = selection?.type === "edge" ? subject.graph.edges.get(selection.id) : undefined;
  return edge ? edgeView(edge, subject) : overview(subject);
}

function welcome() {
  return html`<h2>Inspector</h2><p class="quiet">Run the snippet, then choose a node or an edge.</p>`;
}

/**
 * @param {GraphNode} node
 * @param {Subject} subject
 */
function nodeView(node, subject) {
  const { step } = subject;
  const value = step.values.get(node.id);
  const gradient = step.leafGrads.get(node.id) ?? step.grads.get(node.id);
  const line = node.line === null ? "" : (subject.lines[node.line - 1]?.trim() ?? "");
  return html`
    <h2><span class="name">${nodeTitle(node)}</span> <span class="kind ${node.kind}">${kindText(node)}</span></h2>
    ${line ? html`<p class="source-line"><span>${node.line}</span><code>${line}</code></p>` : nothing}
    ${node.reason ? html`<p class="reason">The gradient stops here: ${node.reason}</p>` : nothing}
    ${facts([
      ["shape", value ? `${shapeText(value.shape)}${value.shape.length === 0 ? " (scalar)" : ""}` : ""],
      ["dtype", value?.dtype],
      ["device", value?.device],
      ...nodeSizeRows(node, subject),
      ["is_leaf", truth(node.is_leaf)],
      ["requires_grad", truth(node.requires_grad)],
      ["grad_fn", node.grad_fn ?? "None"],
      ["op", node.op],
      ["names", node.names.length > 1 ? node.names.join(", ") : ""],
      ...attributeRows(node),
    ])}
    ${subject.whole ? nothing : noGradCard(node, subject)} ${ruleCard(node, subject)}
    ${value ? card("Value", tensorBody(value, "value")) : aheadValue(node, subject)}
    ${originCard(node, subject)}
    ${gradient
      ? card(gradientTitle(node, subject), tensorBody(gradient, "grad"))
      : aheadGradient(node, subject)}
    ${meetingCard(node, subject)}
    ${checkCard(node, subject)} ${updateCard(node.id, step)} ${savedCard(node, subject)} ${nextCard(node, subject)}
  `;
}

/** @param {GraphNode} node @returns {[string, string][]} */
function attributeRows({ attributes }) {
  return Object.entries(attributes).map(([key, value]) => [key, Array.isArray(value) ? `[${value.join(", ")}]` : String(value)]);
}

/** @param {boolean} value */
function truth(value) {
  return value ? "True" : "False";
}

/** @param {GraphNode} node */
function kindText(node) {
  if (node.kind === "leaf") return node.is_parameter ? "leaf \u00b7 parameter" : "leaf";
  return node.kind === "break" ? "gradient stops" : node.kind;
}

/**
 * @param {GraphNode} node
 * @param {Subject} subject
 */
function nextCard(node, subject) {
  if (node.next_functions.length === 0) return nothing;
  const rows = node.next_functions.map(
    ({ name, node: id }, i) => html`<li><span class="place">${i}</span> ${name ?? "None"}${id === null ? "" : html` → ${link(id, subject)}`}</li>`,
  );
  return card("next_functions", html`<ol class="next">${rows}</ol>`);
}

/** @param {Subject} subject */
function overview(subject) {
  const { run, graph, step, onSelect } = subject;
  const nodes = [...graph.nodes.values()];
  const count = (/** @type {(node: GraphNode) => boolean} */ test) => nodes.filter(test).length;
  const leaves = leavesOf(nodes);
  const numbers = leaves.reduce((sum, node) => sum + (step.values.get(node.id)?.numel ?? 0), 0);
  const breaks = count((node) => node.kind === "break");
  return html`
    <h2><span class="name">${run.looping ? stepText(run, step.index) : "This run"}</span></h2>
    ${facts([
      ["in loop", turnText(run, step.index)],
      ["ops", count((node) => node.kind === "op").toLocaleString("en-US")],
      ["leaves", leaves.length ? `${leaves.length.toLocaleString("en-US")} with ${countText(numbers, "number")} to learn` : "none"],
      ["data", count((node) => node.kind === "data") || ""],
      ["breaks", breaks ? `the gradient stops at ${countText(breaks, "place")}` : ""],
      ["edges", graph.edges.size.toLocaleString("en-US")],
      ...totalRows(graph.totals, nodes, subject),
      ["values", isMeta(step) ? "none: on the meta device tensors have shapes only" : ""],
      [lossName(graph, step) === "L" ? "loss" : lossName(graph, step), step.loss === null ? "" : html`<span class="value">${numberText(step.loss)}</span>`],
    ])}
    ${gradientCard(leaves, step)}
    ${updatesCard(step, graph, (id) => onSelect({ type: "node", id }))}
    ${partsCard([...graph.groups.values()].filter(({ parent }) => parent === null), subject)}
    ${run.timings.total > 0 ? card("Where the time went", facts(timeRows(run))) : nothing}
    <p class="quiet hint">Choose a node or an edge to see its value, its gradient and the chain rule there.</p>
  `;
}

/** @param {Run} run @returns {[string, string][]} */
function timeRows({ timings }) {
  return [
    ["waiting", durationText(timings.queue)],
    ["running", durationText(timings.run)],
    ["tracing", durationText(timings.trace)],
    ["encoding", durationText(timings.encode)],
    ["in all", durationText(timings.total)],
  ];
}

/**
 * @param {GraphNode[]} leaves
 * @param {StepModel} step
 */
function gradientCard(leaves, step) {
  const rows = leaves.slice(0, 12).map((node) => {
    const gradient = step.leafGrads.get(node.id) ?? step.grads.get(node.id);
    return html`<li><span>${nodeTitle(node)}.grad</span><span class="grad">${gradText(gradient)}</span></li>`;
  });
  if (rows.length === 0) return nothing;
  const more = leaves.length > rows.length ? html`<p class="quiet">and ${leaves.length - rows.length} more</p>` : nothing;
  return card("Gradients of the leaves", html`<ul class="pairs">${rows}</ul>${more}`);
}
