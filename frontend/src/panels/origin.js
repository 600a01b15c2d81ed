/** In the inspector: which cells made the cell under the pointer, and which dim of a shape a reduction makes vanish. */

/** @import {GraphNode} from "../model.d.ts" */
/** @import {Origin} from "../cells.js" */
/** @import {Subject} from "./inspector.js" */

import { originOf } from "../cells.js";
import { dimsOf, indexOf } from "../places.js";
import { nodeTitle } from "../stage/card.js";
import { shapeText } from "../tensor.js";
import { cellTable } from "./matrix.js";
import { card } from "./pieces.js";
import { html, nothing } from "./template.js";

/** Columns and cells of a matrix that still has room beside its text. */
const ROOM = { columns: 10, cells: 80 };
const REDUCTIONS = new Set([
  "sum", "mean", "prod", "amax", "amin", "max", "min", "argmax", "argmin", "var", "std", "logsumexp", "all", "any", "norm",
  "linalg_vector_norm", "median", "nansum", "nanmean",
]);

/**
 * @param {GraphNode} node
 * @param {Subject} subject
 * @returns {unknown} a template
 */
export function originCard(node, subject) {
  const origin = node.kind === "op" || node.kind === "break" ? originOf(node, subject.graph, subject.step) : null;
  const shown = origin && isReadable([...origin.inputs, origin.output]);
  const made = shown ? card("Which cells made this cell", tables(node, origin, subject)) : nothing;
  return html`${collapseCard(node, subject)}${made}`;
}

/**
 * @param {Origin["inputs"]} all
 * @returns {boolean} small enough to be written out, and not single numbers alone
 */
function isReadable(all) {
  const fits = all.every(({ shape, values }) => (shape.at(-1) ?? 1) <= ROOM.columns && values.length <= ROOM.cells);
  return fits && all.some(({ values }) => values.length > 1);
}

/**
 * @param {GraphNode} node
 * @param {Origin} origin
 * @param {Subject} subject
 */
function tables(node, origin, { graph }) {
  const words = document.createElement("output");
  words.className = "readout sum-text";
  const sources = (graph.into.get(node.id) ?? []).map(({ source }) => graph.nodes.get(source));
  const show = (/** @type {number} */ cell) => {
    const made = origin.of(cell);
    made.cells.forEach((cells, place) => mark(inputs[place], cells));
    mark(output, [cell]);
    words.textContent = `${nodeTitle(node)}[${indexOf(cell, origin.output.shape).join(", ")}] = ${made.text}`;
  };
  const inputs = origin.inputs.map(({ shape, values }) => cellTable({ shape, values, onCell: () => undefined }));
  const output = cellTable({ ...origin.output, onCell: (cell) => cell !== null && show(cell) });
  for (const cell of output.querySelectorAll("td[data-cell]")) {
    cell.setAttribute("tabindex", "0");
    cell.addEventListener("focus", () => show(Number(/** @type {HTMLElement} */ (cell).dataset.cell)));
  }
  show(0);
  return html`<div class="origin" data-origin>
    ${inputs.map((table, i) => html`<p class="dims">${sources[i] ? nodeTitle(sources[i]) : `input ${i}`}</p><div class="matrix-scroll">${table}</div>`)}
    <p class="dims"><strong>${nodeTitle(node)}</strong>: point at a cell</p><div class="matrix-scroll">${output}</div>
    ${words}
  </div>`;
}

/**
 * @param {HTMLTableElement | undefined} table
 * @param {number[]} cells
 */
function mark(table, cells) {
  const wanted = new Set(cells.map(String));
  for (const cell of table?.querySelectorAll("[data-cell]") ?? []) {
    cell.classList.toggle("source", wanted.has(/** @type {HTMLElement} */ (cell).dataset.cell ?? ""));
  }
}

/**
 * @param {GraphNode} node
 * @param {Subject} subject
 */
function collapseCard(node, { graph, step }) {
  const edge = graph.into.get(node.id)?.[0];
  const input = edge && step.values.get(edge.source);
  const output = step.values.get(node.id);
  if (!input || !output || !REDUCTIONS.has(node.op) || input.shape.length === 0) return nothing;
  const dims = dimsOf(node.attributes, input.shape.length);
  const keeps = node.attributes.keepdim === true;
  const left = input.shape.filter((_, dim) => keeps || !dims.includes(dim));
  if (left.length !== output.shape.length) return nothing;
  const count = dims.reduce((product, dim) => product * (input.shape[dim] ?? 1), 1);
  return card(`${node.op}: ${dims.map((dim) => `dim ${dim}`).join(", ")} ${dims.length > 1 ? "collapse" : "collapses"}`, html`
    <ol class="collapse" data-collapse>${input.shape.map((size, dim) => dimColumn(size, dim, dims.includes(dim), keeps))}</ol>
    <p class="quiet">Each ${count.toLocaleString("en-US")} values along it become one: ${shapeText(input.shape)} → ${shapeText(output.shape)}</p>`);
}

/**
 * @param {number} size
 * @param {number} dim
 * @param {boolean} gone
 * @param {boolean} keeps
 */
function dimColumn(size, dim, gone, keeps) {
  const after = gone ? (keeps ? "1" : "gone") : String(size);
  return html`<li class=${gone ? "gone" : "kept"}>
    <span class="dim-name">dim ${dim}</span><span class="dim-size">${size}</span>
    <span class="dim-arrow" aria-hidden="true">${gone ? "\u2913" : "\u2193"}</span>
    <span class="dim-size after">${after}</span>
  </li>`;
}
