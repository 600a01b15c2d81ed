/** A tensor as a table of coloured cells, or as an image where there are too many to read; each dim with its size. */

/** @import {Tensor} from "../model.d.ts" */

import { numberText } from "../number.js";
import { indexOf } from "../places.js";
import { cellColour, heatImage } from "../stage/heat.js";
import { isInteger, matrixOf, shapeText } from "../tensor.js";
import { html, nothing } from "./template.js";

const WRITTEN = { columns: 10, cells: 80 };
const META = html`<p class="quiet">on the meta device: a shape without values</p>`;

/**
 * @param {Tensor} tensor
 * @returns {unknown} a template
 */
export function matrix(tensor) {
  if (tensor.numel === 1) return nothing;
  const shape = matrixOf(tensor);
  if (!shape) return tensor.device === "meta" ? META : nothing;
  const { rows, columns, cells } = shape;
  const written = tensor.values !== null && columns <= WRITTEN.columns && cells.length <= WRITTEN.cells;
  if (!written) return image(tensor, { rows, columns, cells, scale: scaleOf(cells) });
  const readout = output();
  const show = (/** @type {number | null} */ cell) => {
    readout.textContent = cell === null ? "" : placeText(indexOf(cell, tensor.shape), cells[cell] ?? NaN, isInteger(tensor));
  };
  const table = cellTable({ shape: tensor.shape, values: cells, integer: isInteger(tensor), onCell: show });
  return html`<div class="matrix-scroll">${table}</div>${readout}`;
}

/**
 * @param {number[]} cells
 * @returns {number} the magnitude that gets the full colour
 */
export function scaleOf(cells) {
  return cells.reduce((top, value) => (Number.isFinite(value) ? Math.max(top, Math.abs(value)) : top), 0);
}

function output() {
  const element = document.createElement("output");
  element.className = "readout";
  return element;
}

/**
 * @param {number[]} index
 * @param {number} value
 * @param {boolean} integer
 */
function placeText(index, value, integer) {
  return `[${index.join(", ")}] = ${numberText(value, { digits: 6, integer })}`;
}

/**
 * @param {object} options
 * @param {number[]} options.shape
 * @param {number[]} options.values all of them, row-major
 * @param {boolean} [options.integer]
 * @param {(cell: number | null) => void} options.onCell under the pointer or focused; null when it is left
 * @returns {HTMLTableElement} leading dims are stacked; each cell says its index
 */
export function cellTable({ shape, values, integer = false, onCell }) {
  const columns = shape.at(-1) ?? 1;
  const rows = values.length / Math.max(columns, 1);
  const scale = scaleOf(values);
  const table = document.createElement("table");
  table.className = "matrix";
  table.append(caption(shape), head(columns));
  const body = table.createTBody();
  for (let row = 0; row < rows; row += 1) {
    const line = body.insertRow();
    const label = document.createElement("th");
    label.scope = "row";
    label.textContent = shape.length < 2 ? "" : indexOf(row * columns, shape).slice(0, -1).join(", ");
    line.append(label);
    values.slice(row * columns, (row + 1) * columns).forEach((value, column) => {
      const cell = line.insertCell();
      cell.textContent = numberText(value, { digits: 3, integer });
      cell.dataset.cell = String(row * columns + column);
      cell.style.background = cellColour(value, scale);
    });
  }
  const report = (/** @type {Event} */ { target }) => {
    const cell = target instanceof Element ? target.closest("[data-cell]") : null;
    if (cell instanceof HTMLElement) onCell(Number(cell.dataset.cell));
  };
  table.addEventListener("pointerover", report);
  table.addEventListener("click", report);
  table.addEventListener("pointerleave", () => onCell(null));
  return table;
}

/** @param {number[]} shape */
function caption(shape) {
  const element = document.createElement("caption");
  const last = shape.length - 1;
  const down = shape.slice(0, -1).map((size, dim) => `dim ${dim}: ${size}`).join(", ");
  element.textContent = [down && `\u2193 ${down}`, shape.length ? `\u2192 dim ${last}: ${shape[last]}` : ""].filter(Boolean).join("   ");
  return element;
}

/** @param {number} columns */
function head(columns) {
  const element = document.createElement("thead");
  const row = element.insertRow();
  row.append(document.createElement("td"));
  for (let column = 0; column < columns; column += 1) {
    const label = document.createElement("th");
    label.scope = "col";
    label.textContent = String(column);
    row.append(label);
  }
  return element;
}

/**
 * @param {Tensor} tensor
 * @param {{rows: number, columns: number, cells: number[], scale: number}} shape
 */
function image(tensor, { rows, columns, cells, scale }) {
  const picture = document.createElement("img");
  picture.className = "heat-image";
  picture.src = heatImage({ rows, columns, cells, scale });
  picture.alt = `heat map of a tensor of shape ${shapeText(tensor.shape)}`;
  const side = Math.min(14, 252 / columns);
  picture.style.width = `${Math.max(columns * side, 24)}px`;
  picture.style.height = `${Math.min(Math.max(rows * Math.min(14, 200 / rows), 14), 252)}px`;
  const readout = output();
  picture.addEventListener("pointermove", ({ offsetX, offsetY }) => {
    const row = Math.min(rows - 1, Math.max(0, Math.floor((offsetY / picture.clientHeight) * rows)));
    const column = Math.min(columns - 1, Math.max(0, Math.floor((offsetX / picture.clientWidth) * columns)));
    readout.textContent = cellText(tensor, { rows, columns }, row, column, cells[row * columns + column] ?? NaN);
  });
  picture.addEventListener("pointerleave", () => {
    readout.textContent = "";
  });
  const means = tensor.values ? nothing : html`<p class="quiet">block means of the last two dims</p>`;
  const dims = tensor.shape.map((size, dim) => `dim ${dim}: ${size}`).join(", ");
  return html`<p class="dims">${dims}</p>
    <div class="heat-box">${picture}</div>${readout}
    <p class="quiet">a dot marks a negative value; the scale ends at ±${numberText(scale)}</p>${means}`;
}

/**
 * @param {Tensor} tensor
 * @param {{rows: number, columns: number}} grid
 * @param {number} row
 * @param {number} column
 * @param {number} value
 */
function cellText(tensor, { rows, columns }, row, column, value) {
  if (tensor.values) return placeText(indexOf(row * columns + column, tensor.shape), value, isInteger(tensor));
  const [height = 1, width = 1] = tensor.shape.length < 2 ? [1, tensor.shape[0] ?? 1] : tensor.shape.slice(-2);
  const range = (/** @type {number} */ place, /** @type {number} */ count, /** @type {number} */ size) => {
    const [from, to] = [Math.floor((place * size) / count), Math.max(Math.floor(((place + 1) * size) / count) - 1, 0)];
    return from >= to ? String(from) : `${from}\u2013${to}`;
  };
  const index = [range(row, rows, height), range(column, columns, width)].slice(tensor.shape.length < 2 ? 1 : 0);
  return `[${[...(tensor.shape.length > 2 ? ["\u2026"] : []), ...index].join(", ")}]: mean ${numberText(value)}`;
}
