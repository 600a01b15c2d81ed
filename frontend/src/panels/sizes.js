/** In the inspector: elements, bytes, parameters, and what backward keeps alive: of a node, a group, the graph. */

/** @import {GraphGroup, GraphModel, GraphNode, StepModel, Totals} from "../model.d.ts" */
/** @import {Subject} from "./inspector.js" */

import { keptFor } from "../measure.js";
import { bytesText, countText } from "../number.js";
import { shapeText, valueText } from "../tensor.js";
import { card, facts, link } from "./pieces.js";
import { html, nothing } from "./template.js";

/** So many groups are listed. */
const LISTED = 12;

/** @param {number} count @returns {string} `8,030,261,248` */
export function thousands(count) {
  return count.toLocaleString("en-US");
}

/**
 * @param {GraphNode} node
 * @param {Subject} subject
 * @returns {[string, unknown][]} rows of facts
 */
export function nodeSizeRows(node, subject) {
  const { elements, bytes, base } = node;
  return [
    ["elements", elements > 1 ? thousands(elements) : ""],
    ["bytes", bytes > 0 ? html`${bytesText(bytes)}${base === null ? "" : html`, in the memory of ${link(base, subject)}`}` : ""],
  ];
}

/**
 * @param {Totals} totals
 * @param {GraphNode[]} nodes that they are of
 * @param {Subject} subject
 * @returns {[string, unknown][]} rows of facts
 */
export function totalRows(totals, nodes, { graph, step }) {
  const { elements, bytes, parameters, saved_tensors: pieces, saved_bytes: saved } = totals;
  const meta = isMeta(step) ? ", if they were there" : "";
  return [
    ["parameters", parameters > 0 ? thousands(parameters) : ""],
    ["elements", elements > 0 ? `${thousands(elements)} \u00b7 ${bytesText(bytes)}${meta}` : ""],
    ["saved", pieces > 0 ? savedText(pieces, saved, nodes, graph) : ""],
  ];
}

/**
 * @param {number} pieces
 * @param {number} bytes
 * @param {GraphNode[]} nodes
 * @param {GraphModel} graph
 * @returns {string} `9.4 MB for backward in 31 tensors, 1.2 MB of it leaves and data`
 */
function savedText(pieces, bytes, nodes, graph) {
  const given = [...keptFor(nodes, graph).values()].filter(({ of }) => of?.kind === "leaf" || of?.kind === "data");
  const there = given.reduce((total, piece) => total + piece.bytes, 0);
  const text = `${bytesText(bytes)} for backward, in ${countText(pieces, "tensor")}`;
  if (there === 0) return text;
  return there === bytes ? `${text}: leaves and data alone` : `${text}; ${bytesText(there)} of it leaves and data`;
}

/** @param {StepModel} step @returns {boolean} tensors have shapes only */
export function isMeta({ values }) {
  return values.size > 0 && [...values.values()].every(({ device }) => device === "meta");
}

/**
 * @param {GraphNode} node
 * @param {Subject} subject
 */
export function savedCard(node, subject) {
  if (node.saved.length === 0) return nothing;
  const title = node.saved_bytes > 0 ? `Saved for backward: ${bytesText(node.saved_bytes)}` : "Saved for backward";
  return card(title, facts(node.saved.map((saved) => [saved.name, savedRow(saved, subject)])));
}

/**
 * @param {GraphNode["saved"][number]} saved
 * @param {Subject} subject
 */
function savedRow(saved, subject) {
  const known = saved.node === null ? undefined : subject.graph.nodes.get(saved.node);
  const { values, outputs } = subject.step;
  const tensor = known && (outputs.get(known.id)?.[saved.output] ?? values.get(known.id));
  const text = tensor ? valueText(tensor) : (saved.text ?? (saved.shape ? shapeText(saved.shape) : ""));
  const size = saved.bytes > 0 ? html` <span class="quiet">${bytesText(saved.bytes)}${widely(saved, known)}</span>` : nothing;
  return html`${link(saved.node, subject)}${known ? " = " : ""}<span class="value">${text}</span>${size}`;
}

/**
 * @param {GraphNode["saved"][number]} saved
 * @param {GraphNode | undefined} known
 * @returns {string} what is said where a view keeps more than it shows
 */
function widely({ bytes, output }, known) {
  return known && output === 0 && known.outputs === 1 && bytes > known.bytes ? ": all that it is a view of" : "";
}

/**
 * The inspector on a group.
 *
 * @param {GraphGroup} group
 * @param {Subject} subject
 */
export function groupView(group, subject) {
  const { graph } = subject;
  const inside = groupsInside(group.id, graph);
  const nodes = [...graph.nodes.values()].filter((node) => node.group !== null && inside.has(node.group));
  const ops = nodes.filter(({ kind }) => kind === "op" || kind === "break").length;
  const line = group.line === null ? "" : (subject.lines[group.line - 1]?.trim() ?? "");
  return html`
    <h2><span class="name">${group.label || group.type}</span> <span class="kind">${group.kind}</span></h2>
    ${line ? html`<p class="source-line"><span>${group.line}</span><code>${line}</code></p>` : nothing}
    ${facts([
      ["type", group.type === group.label ? "" : group.type],
      ["inside", group.parent === null ? "" : groupLink(group.parent, subject)],
      ["ops", thousands(ops)],
      ...totalRows(group, nodes, subject),
    ])}
    ${partsCard([...graph.groups.values()].filter(({ parent }) => parent === group.id), subject)}
    <p class="quiet hint">Each parameter, and each piece of memory, counts once, however often it is used or saved inside.</p>
  `;
}

/**
 * @param {string} id
 * @param {GraphModel} graph whose groups come outer before inner
 * @returns {Set<string>} the group and those inside
 */
function groupsInside(id, graph) {
  const inside = new Set([id]);
  for (const group of graph.groups.values()) if (inside.has(group.parent ?? "")) inside.add(group.id);
  return inside;
}

/**
 * @param {GraphGroup[]} groups
 * @param {Subject} subject
 */
export function partsCard(groups, subject) {
  const telling = groups.filter(({ parameters, saved_bytes: saved }) => parameters > 0 || saved > 0);
  if (telling.length === 0) return nothing;
  const rows = telling.slice(0, LISTED).map((group) => html`<tr>
    <th scope="row">${groupLink(group.id, subject)} ${group.type === group.label ? "" : group.type}</th>
    <td>${group.parameters > 0 ? thousands(group.parameters) : "\u2013"}</td>
    <td>${group.saved_bytes > 0 ? bytesText(group.saved_bytes) : "\u2013"}</td>
  </tr>`);
  const more = telling.length > LISTED ? html`<p class="quiet">and ${telling.length - LISTED} more</p>` : nothing;
  return card("Of which", html`<table class="sizes">
    <thead><tr><th scope="col">group</th><th scope="col">parameters</th><th scope="col">saved</th></tr></thead>
    <tbody>${rows}</tbody>
  </table>${more}`);
}

/**
 * @param {string} id
 * @param {Subject} subject
 */
function groupLink(id, { graph, onSelect }) {
  const group = graph.groups.get(id);
  return html`<button class="link" @click=${() => onSelect({ type: "group", id })}>${group?.label || group?.type || id}</button>`;
}
