/** A tensor as a table of coloured cells, or as an image where there are too many to read. */

/** @import {Tensor} from "../model.d.ts" */

import { numberText } from "../number.js";
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
  const scale = cells.reduce((top, v) => (Number.isFinite(v) ? Math.max(top, Math.abs(v)) : top), 0);
  const written = tensor.values !== null && columns <= WRITTEN.columns && cells.length <= WRITTEN.cells;
  if (!written) return image(tensor, { rows, columns, cells, scale });
  const integer = isInteger(tensor);
  const table = document.createElement("table");
  table.className = "matrix";
  for (let row = 0; row < rows; row += 1) {
    const line = table.insertRow();
    for (const value of cells.slice(row * columns, (row + 1) * columns)) {
      const cell = line.insertCell();
      cell.textContent = numberText(value, { digits: 3, integer });
      cell.style.background = cellColour(value, scale);
    }
  }
  return html`<div class="matrix-scroll">${table}</div>`;
}

/**
 * @param {Tensor} tensor
 * @param {{rows: number, columns: number, cells: number[], scale: number}} shape
 */
function image(tensor, { rows, columns, cells, scale }) {
  const picture = document.createElement("img");
  picture.className = "heat-image";
  picture.src = heatImage({ rows, columns, cells, scale, cell: { width: 1, height: 1 }, written: false });
  picture.alt = `heat map of a tensor of shape ${shapeText(tensor.shape)}`;
  const side = Math.min(14, 252 / columns);
  picture.style.width = `${Math.max(columns * side, 24)}px`;
  picture.style.height = `${Math.min(Math.max(rows * Math.min(14, 200 / rows), 14), 252)}px`;
  const means = tensor.values ? nothing : html`<p class="quiet">block means of the last two dims</p>`;
  return html`<div class="heat-box">${picture}</div><p class="quiet">a dot marks a negative value; the scale ends at ±${numberText(scale)}</p>${means}`;
}
