/** What a press or a key on the stage means. */

/** @import {Box, Selection} from "../model.d.ts" */
/** @import {Show} from "./stage.js" */

import { ARROWS, travel } from "./travel.js";

/**
 * @typedef {object} Wishes
 * @property {() => Show | null} shown
 * @property {(selection: Selection | null) => void} onSelect
 * @property {(group: string) => void} onToggle
 * @property {(item: string) => void} onTravel the focus goes there
 */

/**
 * @param {SVGSVGElement} root of the stage
 * @param {Wishes} wishes
 */
export function wireControls(root, wishes) {
  root.addEventListener("click", (event) => press(event.target, event.detail > 1, wishes));
  root.addEventListener("keydown", (event) => key(event, wishes));
}

/**
 * @param {EventTarget | null} target
 * @param {boolean} again the second of a double click toggles nothing: what lies there now may be another thing
 * @param {Wishes} wishes
 */
function press(target, again, { onSelect, onToggle }) {
  const element = target instanceof Element ? target.closest("[data-node], [data-group], [data-label], [data-edge]") : null;
  if (!(element instanceof SVGElement)) return onSelect(null);
  const { node, group, label, edges, kind } = element.dataset;
  const folded = kind === "group" || kind === "fold" ? node : undefined;
  const toggled = group ?? folded;
  if (toggled !== undefined) return again ? undefined : onToggle(toggled);
  if (node !== undefined) return onSelect(kind === "seed" ? null : { type: "node", id: node });
  const id = label ?? edges ?? "";
  return onSelect({ type: id.includes(" ") ? "edges" : "edge", id });
}

/**
 * @param {KeyboardEvent} event
 * @param {Wishes} wishes
 */
function key(event, wishes) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  if (event.key === "Enter" || event.key === " ") press(event.target, false, wishes);
  else if (event.key === "Escape") wishes.onSelect(null);
  else if (ARROWS.has(event.key)) go(event.target, event.key, wishes);
  else return;
  event.preventDefault();
}

/**
 * @param {EventTarget | null} target
 * @param {string} arrow
 * @param {Wishes} wishes
 */
function go(target, arrow, { shown, onTravel }) {
  const { node, group } = target instanceof SVGElement ? target.dataset : {};
  const { picture, links } = shown() ?? {};
  const from = node ?? group;
  if (!picture || from === undefined) return;
  const frame = picture.frames.get(from);
  /** @type {ReadonlyMap<string, Box>} */
  const boxes = frame ? new Map(picture.boxes).set(from, frame) : picture.boxes;
  const to = travel(from, arrow, boxes, links?.() ?? []);
  if (to !== null) onTravel(to);
}
