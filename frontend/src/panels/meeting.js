/** Gradients that meet at a node, one below the other like a written addition, with their sum below the line. */

/** @import {GraphNode, Tensor} from "../model.d.ts" */
/** @import {Cells, Meeting} from "../meeting.js" */
/** @import {Subject} from "./inspector.js" */

import { cellText, cellsTogether, isOfScalars, meetingsAt, mostTelling } from "../meeting.js";
import { countText, numberText } from "../number.js";
import { nodeTitle } from "../stage/card.js";
import { partialSum } from "../stage/contribution.js";
import { cellColour, heatImage } from "../stage/heat.js";
import { norm } from "../tensor.js";
import { card } from "./pieces.js";
import { html, nothing } from "./template.js";

/** Numbers are written into up to so many columns and cells. */
const WRITTEN = { columns: 5, cells: 20 };
/** More terms than this are counted. */
const LISTED = 8;
/** Of a heat map without numbers, in pixels. */
const HEAT = { width: 150, height: 84, cell: 14, least: 12 };
const ARROW = "\u2192";

/**
 * @typedef {object} Term
 * @property {string} sign
 * @property {unknown} name
 * @property {Tensor} tensor
 * @property {number[]} cells
 * @property {boolean} isThere
 */

/**
 * @param {GraphNode} node
 * @param {Subject} subject
 * @returns {unknown} a template; nothing where no gradients meet, or none of them has come
 */
export function meetingCard(node, subject) {
  const { graph, step, whole } = subject;
  const parts = meetingsAt(node.id, graph, whole ?? step).flatMap((met) => met.parts);
  if (!parts.some(({ edge }) => step.edgeGrads.has(edge))) return nothing;
  return card(`Sum of ${countText(parts.length, "contribution")}`, meetingView(node, subject));
}

/**
 * @param {GraphNode} node
 * @param {Subject} subject
 * @returns {unknown} a template: what meets at each of the node's outputs
 */
export function meetingView(node, subject) {
  const { graph, step, whole } = subject;
  const all = meetingsAt(node.id, graph, whole ?? step);
  const isThere = (/** @type {string} */ edge) => step.edgeGrads.has(edge);
  const isWhole = step.grads.has(node.id);
  const scalars = partialSum(node.id, graph, whole ?? step, isThere, isWhole);
  const tensors = all.filter((met) => !isOfScalars(met));
  const changed = all.some(({ adds }) => !adds) && isWhole;
  return html`${scalars ? html`<p class="sum">${scalars}</p>` : nothing}
    ${tensors.map((met) => addition(met, node, subject, { isThere, isWhole }))}
    ${changed ? html`<p class="quiet" data-changed>A hook, or a write in place, makes something else of the sum.</p>` : nothing}`;
}

/**
 * @param {Meeting} met
 * @param {GraphNode} node
 * @param {Subject} subject
 * @param {{isThere: (edge: string) => boolean, isWhole: boolean}} reached
 */
function addition(met, node, subject, { isThere, isWhole }) {
  const together = cellsTogether(met);
  const listed = met.parts.length > LISTED ? met.parts.slice(0, LISTED - 1) : met.parts;
  const more = met.parts.length - listed.length;
  /** @type {Term[]} */
  const terms = listed.map(({ edge, tensor }, i) => ({
    sign: i > 0 ? "+" : "", name: fromWhere(edge, subject), tensor, cells: together?.parts[i] ?? [], isThere: isThere(edge),
  }));
  const sum = {
    sign: met.adds ? "=" : ARROW, name: `gradient of ${nodeTitle(node)}`, tensor: met.total, cells: together?.total ?? [],
    isThere: isWhole,
  };
  const shown = together && withCells(met, together, [...terms, sum], isThere, isWhole);
  const row = (/** @type {Term} */ term, /** @type {number} */ i) => html`
    <li class="${term.isThere ? "there" : "awaited"} ${term.sign === "=" || term.sign === ARROW ? "total" : ""}">
      <span class="term-sign">${term.sign}</span>
      <p class="term-name">${term.name} <span class="term-size">${term.isThere ? sizeText(term.tensor) : "not yet"}</span></p>
      ${shown?.pictures[i] ?? nothing}
    </li>`;
  return html`<ol class="addition" data-addition>
      ${terms.map(row)}
      ${more > 0 ? html`<li><span class="term-sign">+</span><p class="term-name">… and ${more} more</p></li>` : nothing}
      ${row(sum, terms.length)}
    </ol>
    ${shown?.readout ?? nothing}${note(together)}`;
}

/** @param {string} edge @param {Subject} subject */
function fromWhere(edge, { graph, onSelect }) {
  const found = graph.edges.get(edge);
  const target = graph.nodes.get(found?.target ?? "");
  if (!found || !target) return "";
  const twice = (graph.outOf.get(found.source) ?? []).filter((other) => other.target === found.target).length > 1;
  return html`from <button class="link" @click=${() => onSelect({ type: "edge", id: edge })}>${nodeTitle(target)}</button
    >${twice ? `, input ${found.target_input}` : ""}`;
}

/** @param {Tensor} tensor @returns {string} `norm 2.0`; with the mean where no numbers are known */
function sizeText(tensor) {
  const size = norm(tensor);
  const silent = tensor.values !== null || tensor.thumb !== null || tensor.mean === null;
  const mean = silent ? "" : `mean ${numberText(tensor.mean, { digits: 3 })} \u00b7 `;
  return size === null ? "" : `${mean}norm ${numberText(size, { digits: 3 })}`;
}

/** @param {Cells | null} together */
function note(together) {
  if (!together) return html`<p class="quiet">Means add up; norms do not.</p>`;
  if (!together.blocks) return nothing;
  return html`<p class="quiet">Means of blocks of the last two dims, all in one scale, to ±${numberText(together.scale)}. They add up; norms do
    not.</p>`;
}

/**
 * @param {Meeting} met
 * @param {Cells} together
 * @param {Term[]} terms the last is the sum
 * @param {(edge: string) => boolean} isThere
 * @param {boolean} isWhole
 */
function withCells(met, together, terms, isThere, isWhole) {
  const readout = document.createElement("output");
  readout.className = "readout sum-text";
  const { rows, columns, scale } = together;
  const written = !together.blocks && columns <= WRITTEN.columns && rows * columns <= WRITTEN.cells;
  const show = (/** @type {number} */ cell) => {
    readout.textContent = cellText(met, together, cell, isThere, isWhole);
    for (const picture of pictures) {
      for (const each of picture.querySelectorAll("[data-cell]")) {
        each.classList.toggle("source", /** @type {HTMLElement} */ (each).dataset.cell === String(cell));
      }
    }
  };
  const grid = { rows, columns, scale };
  const pictures = terms.map(({ cells }, i) =>
    written ? table(cells, grid, show, i === terms.length - 1) : image(cells, grid, show));
  show(mostTelling(together));
  return { pictures, readout };
}

/**
 * @param {number[]} cells
 * @param {{rows: number, columns: number, scale: number}} grid
 * @param {(cell: number) => void} show what made the cell
 * @param {boolean} reached by the keyboard
 */
function table(cells, { rows, columns, scale }, show, reached) {
  const element = document.createElement("table");
  element.className = "matrix term-cells";
  const body = element.createTBody();
  for (let row = 0; row < rows; row += 1) {
    const line = body.insertRow();
    for (let place = row * columns; place < (row + 1) * columns; place += 1) {
      const cell = line.insertCell();
      cell.textContent = numberText(cells[place], { digits: 3 });
      cell.dataset.cell = String(place);
      cell.style.background = cellColour(cells[place] ?? NaN, scale);
      if (reached) cell.tabIndex = 0;
    }
  }
  const report = (/** @type {Event} */ { target }) => {
    const cell = target instanceof Element ? target.closest("[data-cell]") : null;
    if (cell instanceof HTMLElement) show(Number(cell.dataset.cell));
  };
  for (const name of ["pointerover", "click", "focusin"]) element.addEventListener(name, report);
  return element;
}

/**
 * @param {number[]} cells
 * @param {{rows: number, columns: number, scale: number}} grid
 * @param {(cell: number) => void} show
 */
function image(cells, { rows, columns, scale }, show) {
  const picture = document.createElement("img");
  picture.className = "heat-image term-cells";
  picture.src = heatImage({ rows, columns, cells, scale });
  picture.alt = "";
  picture.style.width = `${Math.max(columns * Math.min(HEAT.cell, HEAT.width / columns), HEAT.least)}px`;
  picture.style.height = `${Math.max(rows * Math.min(HEAT.cell, HEAT.height / rows), HEAT.least)}px`;
  picture.addEventListener("pointermove", ({ offsetX, offsetY }) => {
    const row = Math.min(rows - 1, Math.max(0, Math.floor((offsetY / picture.clientHeight) * rows)));
    const column = Math.min(columns - 1, Math.max(0, Math.floor((offsetX / picture.clientWidth) * columns)));
    show(row * columns + column);
  });
  return picture;
}
