/** What the inspector's views are made of. */

/** @import {Tensor} from "../model.d.ts" */
/** @import {Subject} from "./inspector.js" */

import { countText, numberText } from "../number.js";
import { nodeTitle } from "../stage/card.js";
import { isScalar, norm, shapeText, valueText } from "../tensor.js";
import { matrix } from "./matrix.js";
import { photo } from "./photo.js";
import { html } from "./template.js";

/**
 * @param {[string, unknown][]} rows
 */
export function facts(rows) {
  const shown = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return html`<dl class="facts">${shown.map(([key, value]) => html`<dt>${key}</dt><dd data-fact=${key}>${value}</dd>`)}</dl>`;
}

/**
 * @param {string} title
 * @param {unknown} body
 */
export function card(title, body) {
  return html`<section class="card"><h3>${title}</h3>${body}</section>`;
}

/**
 * @param {Tensor} tensor
 * @param {"value" | "grad"} role
 */
export function tensorBody(tensor, role) {
  if (isScalar(tensor)) return html`<p class="figure ${role}">${valueText(tensor)}</p>`;
  const size = norm(tensor);
  return html`${matrix(tensor)}${photo(tensor, role)}
  ${facts([
    ["shape", role === "grad" ? shapeText(tensor.shape) : ""],
    ["min", optional(tensor.min)],
    ["max", optional(tensor.max)],
    ["mean", optional(tensor.mean)],
    ["std", optional(tensor.std)],
    ["norm", optional(size)],
    ["NaN", tensor.nan ? countText(tensor.nan, "element") : ""],
    ["infinite", tensor.inf ? countText(tensor.inf, "element") : ""],
  ])}`;
}

/** @param {number | null} value */
function optional(value) {
  return value === null ? "" : numberText(value);
}

/**
 * @param {string | null} id
 * @param {Subject} subject
 * @param {string} [fallback]
 */
export function link(id, { graph, onSelect }, fallback = "") {
  const node = id === null ? undefined : graph.nodes.get(id);
  if (!node) return fallback;
  return html`<button class="link" @click=${() => onSelect({ type: "node", id: node.id })}>${nodeTitle(node)}</button>`;
}
