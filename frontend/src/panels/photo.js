/** A tensor of shape [3, H, W] or [1, H, W] as the image that it may be, if the learner asks for it. */

/** @import {Tensor} from "../model.d.ts" */

import { html, nothing } from "./template.js";

/** Below so many rows and columns it is no image that one would know. */
const LEAST = 4;
/** So many values of a tensor the server sends when asked. */
export const MOST = 4096;
const SIDE = 240;
/** Once asked for, images are shown until the learner asks for numbers again. */
let wanted = false;

/**
 * What asks for values bubbles up as a `want-values` event with this detail.
 *
 * @typedef {{role: "value" | "grad", give: (values: number[] | null) => void}} Wish
 */

/**
 * @param {Tensor} tensor
 * @param {"value" | "grad"} role
 * @returns {unknown} a template
 */
export function photo(tensor, role) {
  const [channels = 0, height = 0, width = 0] = tensor.shape;
  const fits = tensor.shape.length === 3 && (channels === 3 || channels === 1) && height >= LEAST && width >= LEAST;
  if (!fits || tensor.device === "meta") return nothing;
  if (tensor.numel > MOST) {
    return html`<p class="quiet">As an image it would need all ${tensor.numel.toLocaleString("en-US")} values; up to
      ${MOST.toLocaleString("en-US")} are kept.</p>`;
  }
  return html`${switchElement(tensor, role)}`;
}

/**
 * @param {Tensor} tensor
 * @param {"value" | "grad"} role
 */
function switchElement(tensor, role) {
  const box = document.createElement("div");
  box.className = "photo";
  const [label, input] = [document.createElement("label"), document.createElement("input")];
  input.type = "checkbox";
  input.checked = wanted;
  label.append(input, " as an image");
  box.append(label);
  const show = () => {
    box.querySelector(".photo-shown")?.remove();
    if (!wanted) return;
    const place = document.createElement("div");
    place.className = "photo-shown";
    box.append(place);
    const known = tensor.values && !tensor.values.some(Array.isArray) ? /** @type {number[]} */ (tensor.values) : null;
    if (known) draw(place, tensor.shape, known);
    else ask(place, tensor.shape, role);
  };
  input.addEventListener("change", () => {
    wanted = input.checked;
    show();
  });
  if (wanted) queueMicrotask(show);
  return box;
}

/**
 * @param {HTMLElement} place
 * @param {number[]} shape
 * @param {"value" | "grad"} role
 */
function ask(place, shape, role) {
  place.textContent = "asking for all its values \u2026";
  /** @type {Wish} */
  const detail = {
    role,
    give: (values) => {
      if (values) draw(place, shape, values);
      else place.textContent = "The server did not give its values.";
    },
  };
  place.dispatchEvent(new CustomEvent("want-values", { bubbles: true, detail }));
}

/**
 * @param {HTMLElement} place
 * @param {number[]} shape
 * @param {number[]} values row-major
 */
function draw(place, [channels = 1, height = 1, width = 1], values) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const finite = values.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const image = new ImageData(width, height);
  for (let pixel = 0; pixel < width * height; pixel += 1) {
    for (let colour = 0; colour < 3; colour += 1) {
      const value = values[pixel + (channels === 3 ? colour : 0) * width * height] ?? 0;
      image.data[4 * pixel + colour] = high > low ? (255 * (value - low)) / (high - low) : 128;
    }
    image.data[4 * pixel + 3] = 255;
  }
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  canvas.className = "photo-image";
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `the tensor as ${channels === 3 ? "a colour" : "a grey"} image of ${width} by ${height} pixels`);
  const scale = Math.min(SIDE / width, SIDE / height);
  canvas.style.width = `${Math.round(width * scale)}px`;
  canvas.style.height = `${Math.round(height * scale)}px`;
  const words = document.createElement("p");
  words.className = "quiet";
  words.textContent = `${channels === 3 ? "red, green and blue are dim 0" : "one channel, in grey"}; from the least value to the largest`;
  place.replaceChildren(canvas, words);
}
