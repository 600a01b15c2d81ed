/** The bars between the panels: dragged or moved with the arrow keys, and remembered. */

import { recall, remember } from "../memory.js";
import { part } from "./parts.js";

/**
 * @typedef {object} Bar
 * @property {string} id of the separator
 * @property {string} size the custom property of the grid that it sets, in pixels
 * @property {string} panel whose size it is
 * @property {"x" | "y"} axis
 * @property {1 | -1} grows 1 if the panel grows when the bar moves right or down
 * @property {number} least
 * @property {number} most of the page, from 0 to 1
 */

/** @type {Bar[]} */
const BARS = [
  { id: "split-editor", size: "--editor-width", panel: ".editor-panel", axis: "x", grows: 1, least: 240, most: 0.42 },
  { id: "split-inspector", size: "--inspector-width", panel: ".inspector-panel", axis: "x", grows: -1, least: 220, most: 0.36 },
  { id: "split-output", size: "--output-height", panel: ".output-panel", axis: "y", grows: -1, least: 84, most: 0.5 },
  { id: "split-stage", size: "--stage-height", panel: "#stage", axis: "y", grows: 1, least: 180, most: 0.6 },
];
const STEP = 16;

export function wireSplitters() {
  for (const bar of BARS) wire(bar);
}

/** @param {Bar} bar */
function wire(bar) {
  const handle = part(bar.id);
  const known = Number(recall(bar.size));
  if (known > 0) set(bar, known);
  handle.addEventListener("pointerdown", (event) => drag(bar, handle, event));
  handle.addEventListener("dblclick", () => forget(bar));
  handle.addEventListener("keydown", (event) => press(bar, event));
  handle.addEventListener("focus", () => tell(bar));
  tell(bar);
}

/**
 * @param {Bar} bar
 * @param {HTMLElement} handle
 * @param {PointerEvent} start
 */
function drag(bar, handle, start) {
  start.preventDefault();
  handle.setPointerCapture(start.pointerId);
  handle.focus({ preventScroll: true });
  const before = sizeOf(bar);
  const at = (/** @type {PointerEvent} */ event) => (bar.axis === "x" ? event.clientX : event.clientY);
  const move = (/** @type {PointerEvent} */ event) => keep(bar, before + (at(event) - at(start)) * bar.grows);
  const stop = () => {
    handle.removeEventListener("pointermove", move);
    for (const name of ["pointerup", "pointercancel"]) handle.removeEventListener(name, stop);
  };
  handle.addEventListener("pointermove", move);
  for (const name of ["pointerup", "pointercancel"]) handle.addEventListener(name, stop);
}

/**
 * @param {Bar} bar
 * @param {KeyboardEvent} event
 */
function press(bar, event) {
  const [less, more] = bar.axis === "x" ? ["ArrowLeft", "ArrowRight"] : ["ArrowUp", "ArrowDown"];
  const way = event.key === more ? 1 : event.key === less ? -1 : 0;
  if (way !== 0) keep(bar, sizeOf(bar) + way * bar.grows * STEP);
  else if (event.key === "Home") keep(bar, bar.least);
  else if (event.key === "End") keep(bar, mostOf(bar));
  else if (event.key === "Enter") forget(bar);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/**
 * @param {Bar} bar
 * @param {number} size
 */
function keep(bar, size) {
  const fitting = Math.round(Math.max(bar.least, Math.min(mostOf(bar), size)));
  set(bar, fitting);
  remember(bar.size, String(fitting));
  tell(bar);
}

/** @param {Bar} bar back to what the window's size suggests */
function forget(bar) {
  part("main").style.removeProperty(bar.size);
  remember(bar.size, null);
  tell(bar);
}

/** @param {Bar} bar @param {number} size */
function set(bar, size) {
  part("main").style.setProperty(bar.size, `${size}px`);
}

/** @param {Bar} bar @returns {number} pixels */
function sizeOf({ panel, axis }) {
  const { width, height } = /** @type {Element} */ (document.querySelector(panel)).getBoundingClientRect();
  return axis === "x" ? width : height;
}

/** @param {Bar} bar */
function mostOf({ axis, most, least }) {
  return Math.max(least, Math.floor((axis === "x" ? innerWidth : innerHeight) * most));
}

/** @param {Bar} bar */
function tell(bar) {
  const handle = part(bar.id);
  handle.setAttribute("aria-valuenow", String(Math.round(sizeOf(bar))));
  handle.setAttribute("aria-valuemin", String(bar.least));
  handle.setAttribute("aria-valuemax", String(mostOf(bar)));
}
