/** What the shapes, lines and colours mean. */

import { svg } from "./svg.js";

/** @type {[string, () => SVGElement[]][]} */
const ENTRIES = [
  ["leaf, learns", () => [svg("rect", { class: "key-leaf", x: 2, y: 3, width: 22, height: 12, rx: 4 })]],
  ["data", () => [svg("rect", { class: "key-data", x: 2, y: 3, width: 22, height: 12, rx: 1 })]],
  ["op", () => [svg("rect", { class: "key-op", x: 2, y: 3, width: 22, height: 12, rx: 6 }), svg("circle", { class: "key-sign", cx: 8, cy: 9, r: 3.5 })]],
  ["value forward", () => [svg("path", { class: "key-forward", d: "M2 9 H19" }), svg("path", { class: "key-forward-head", d: "M24 9 l-7 -4 v8 z" })]],
  ["gradient back", () => [svg("path", { class: "key-backward", d: "M24 9 H8" }), svg("path", { class: "key-backward-head", d: "M2 9 l7 -4 v8 z" })]],
];

/** @param {HTMLElement} host */
export function fillLegend(host) {
  const list = document.createElement("ul");
  for (const [label, draw] of ENTRIES) {
    const entry = document.createElement("li");
    entry.append(svg("svg", { width: 26, height: 18, viewBox: "0 0 26 18", "aria-hidden": "true" }, ...draw()), label);
    list.append(entry);
  }
  host.replaceChildren(list);
}
