/** The inspector on one edge, and on a line that stands for several. */

/** @import {GraphNode} from "../model.d.ts" */
/** @import {Subject} from "./inspector.js" */

import { countText } from "../number.js";
import { nodeTitle } from "../stage/card.js";
import { summedText } from "../stage/contribution.js";
import { gradText } from "../tensor.js";
import { meetingCard } from "./meeting.js";
import { card, facts, link, tensorBody } from "./pieces.js";
import { html, nothing } from "./template.js";

/** So many edges of one line are listed. */
const LISTED = 40;

/**
 * @param {import("../model.d.ts").GraphEdge} edge
 * @param {Subject} subject
 */
export function edgeView(edge, subject) {
  const { graph, step, whole } = subject;
  const gradient = step.edgeGrads.get(edge.id);
  const value = step.values.get(edge.source);
  const summed = summedText(edge, whole ?? step);
  const none = whole?.edgeGrads.has(edge.id) ? "The gradient has not come along yet." : "No gradient came along this edge.";
  const source = graph.nodes.get(edge.source);
  return html`
    <h2><span class="name">${source ? nodeTitle(source) : ""} → ${nodeTitle(/** @type {GraphNode} */ (graph.nodes.get(edge.target)))}</span>
      <span class="kind">edge</span></h2>
    ${facts([
      ["from", link(edge.source, subject)],
      ["to", html`${link(edge.target, subject)}, input ${edge.target_input}`],
      ["output", edge.source_output > 0 ? String(edge.source_output) : ""],
    ])}
    ${value ? card("Forward: the value", tensorBody(value, "value")) : nothing}
    ${gradient
      ? card("Backward: this edge's contribution", html`${tensorBody(gradient, "grad")}
        ${summed ? html`<p class="sum" data-summed>${broadcastText(summed)}</p>` : nothing}`)
      : html`<p class="quiet" data-none>${none}</p>`}
    ${source && gradient ? meetingCard(source, subject) : nothing}
  `;
}

/**
 * @param {string} summed `summed over dim 0: [3, 4] → [4]`
 * @returns {string} with why
 */
export function broadcastText(summed) {
  return `${summed}, because forward repeated this input along ${summed.includes(" and ") ? "them" : "it"} (broadcasting)`;
}

/**
 * All edges that one line on the stage stands for, those with a gradient first.
 *
 * @param {string[]} ids
 * @param {Subject} subject
 */
export function edgesView(ids, { graph, step, whole, onSelect }) {
  const edges = ids.flatMap((id) => graph.edges.get(id) ?? []);
  const back = edges.filter(({ id }) => step.edgeGrads.has(id));
  const plain = edges.filter(({ id }) => !step.edgeGrads.has(id));
  const named = (/** @type {string} */ id) => nodeTitle(/** @type {GraphNode} */ (graph.nodes.get(id)));
  const rows = [...back, ...plain].slice(0, LISTED).map((edge) => {
    const gradient = step.edgeGrads.get(edge.id);
    return html`<li>
      <button class="link" @click=${() => onSelect({ type: "edge", id: edge.id })}>
        ${named(edge.source)} → ${named(edge.target)}
      </button>
      <span class="grad">${gradient ? gradText(gradient) : whole?.edgeGrads.has(edge.id) ? "not yet" : "no gradient"}</span>
    </li>`;
  });
  const more = edges.length - rows.length;
  const rest = more > 0 ? html`<p class="quiet">and ${more} more</p>` : nothing;
  return html`
    <h2><span class="name">${countText(edges.length, "edge")}</span> <span class="kind">one line on the stage</span></h2>
    <p class="quiet">
      ${countText(back.length, "gradient")} came back along this line. Open the groups at its ends to see the edges apart.
    </p>
    ${card("Edges", html`<ul class="pairs" data-edge-list>${rows}</ul>${rest}`)}
  `;
}
