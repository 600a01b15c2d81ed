/** What is on the stage as one SVG that needs nothing beside it, and the same as a PNG. */

/** @import {Box} from "../model.d.ts" */

import { svg } from "./svg.js";

const MARGIN = 24;
/** What a viewer needs to know of an element, read from the page and written as attributes. */
const SHAPE = ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "rx"];
const TYPE = ["fill", "font-size", "font-weight", "opacity"];
const FACES = "'JetBrains Mono', 'DejaVu Sans Mono', Menlo, Consolas, monospace";
/** How the stage draws from afar is nothing to keep. */
const FAR = ["far", "farther"];
/** Of a picture, along either side, in pixels: browsers draw no larger ones. */
const LARGEST = 16_000;

/**
 * @param {SVGSVGElement} root of the stage, with all that is in it drawn
 * @param {Box} bounds of the picture
 * @param {string} font the face of the text as a data URL; "" leaves it to the viewer
 * @returns {string} an SVG document
 */
export function svgText(root, bounds, font) {
  const world = /** @type {SVGGElement} */ (root.querySelector(".world"));
  const far = FAR.filter((name) => root.classList.contains(name));
  root.classList.remove(...far);
  const colour = colourReader();
  const [width, height] = [bounds.width + 2 * MARGIN, bounds.height + 2 * MARGIN];
  const box = { x: bounds.x - MARGIN, y: bounds.y - MARGIN, width, height };
  const view = [box.x, box.y, box.width, box.height].map((length) => length.toFixed(1)).join(" ");
  const ground = colour(getComputedStyle(root).getPropertyValue("--ground"));
  const made = svg("svg", { viewBox: view, width: Math.ceil(width), height: Math.ceil(height) });
  if (font) made.append(svg("style", {}, `@font-face{font-family:"JetBrains Mono";font-weight:100 800;src:url(${font})}`));
  made.append(svg("rect", { ...box, fill: ground }), copy(world, colour));
  root.classList.add(...far);
  return new XMLSerializer().serializeToString(made);
}

/**
 * @param {Element} element
 * @param {(text: string) => string} colour
 * @returns {SVGElement}
 */
function copy(element, colour) {
  const made = /** @type {SVGElement} */ (element.cloneNode(false));
  for (const name of ["class", "style", "tabindex", "role", "transform"]) {
    if (name !== "transform" || element.classList.contains("world")) made.removeAttribute(name);
  }
  for (const { name } of [...made.attributes]) if (/^(data|aria)-/.test(name)) made.removeAttribute(name);
  const style = getComputedStyle(element);
  for (const name of kindsOf(element)) {
    const value = style.getPropertyValue(name);
    if (value === "" || value === "auto" || isPlain(name, value)) continue;
    made.setAttribute(name, name === "fill" || name === "stroke" ? colour(value) : value);
  }
  if (element instanceof SVGTextElement) made.setAttribute("font-family", FACES);
  for (const child of element.childNodes) {
    if (child instanceof Text) made.append(child.data);
    else if (child instanceof SVGElement && isShown(child)) made.append(copy(child, colour));
  }
  return made;
}

/**
 * @param {SVGElement} element
 * @returns {boolean} false for what a moment of the playback hides; in a hidden group something may still be shown
 */
function isShown(element) {
  if (element.matches(".hit, .ghosts, title")) return false;
  return element instanceof SVGGElement || getComputedStyle(element).visibility !== "hidden";
}

/** @param {Element} element */
function kindsOf(element) {
  if (element instanceof SVGTextElement || element instanceof SVGTSpanElement) return TYPE;
  return element instanceof SVGGElement ? ["opacity"] : SHAPE;
}

/**
 * @param {string} name
 * @param {string} value
 * @returns {boolean} a viewer takes it so anyway
 */
function isPlain(name, value) {
  return (name === "opacity" && value === "1") || (name === "stroke-dasharray" && value === "none");
}

/** @returns {(text: string) => string} any colour of CSS as `rgb()`, which every viewer knows */
function colourReader() {
  const canvas = document.createElement("canvas");
  canvas.width = 1;
  canvas.height = 1;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  /** @type {Map<string, string>} */
  const known = new Map([["none", "none"]]);
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = text.trim();
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha = 255] = context.getImageData(0, 0, 1, 1).data;
    const made = alpha === 255 ? `rgb(${red},${green},${blue})` : `rgba(${red},${green},${blue},${(alpha / 255).toFixed(3)})`;
    known.set(text, made);
    return made;
  };
}

/**
 * @param {string} text an SVG document with `width` and `height`
 * @param {Box} bounds of the picture
 * @param {number} scale pixels of the PNG for one of the picture; less where it would be too large
 * @returns {Promise<Blob>}
 * @throws {Error} when the browser cannot draw it
 */
export async function pngOf(text, bounds, scale) {
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  await image.decode();
  URL.revokeObjectURL(image.src);
  const [width, height] = [bounds.width + 2 * MARGIN, bounds.height + 2 * MARGIN];
  const fitting = Math.min(scale, LARGEST / width, LARGEST / height);
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * fitting);
  canvas.height = Math.round(height * fitting);
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the browser made no PNG"))), "image/png");
  });
}
