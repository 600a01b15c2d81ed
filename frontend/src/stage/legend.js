/** What the shapes, lines and colours mean; it steps aside where it would stand over the picture. */

/** @import {Stage} from "./stage.js" */

import { isFree, rested } from "./covering.js";
import { svg } from "./svg.js";

/** @type {[string, () => SVGElement[]][]} */
const ENTRIES = [
  ["leaf, learns", () => [svg("rect", { class: "key-leaf", x: 2, y: 3, width: 22, height: 12, rx: 4 })]],
  ["data", () => [svg("rect", { class: "key-data", x: 2, y: 3, width: 22, height: 12, rx: 1 })]],
  ["op", () => [svg("rect", { class: "key-op", x: 2, y: 3, width: 22, height: 12, rx: 6 }), svg("circle", { class: "key-sign", cx: 8, cy: 9, r: 3.5 })]],
  ["value forward", () => [svg("path", { class: "key-forward", d: "M2 9 H19" }), svg("path", { class: "key-forward-head", d: "M24 9 l-7 -4 v8 z" })]],
  ["gradient back", () => [svg("path", { class: "key-backward", d: "M24 9 H8" }), svg("path", { class: "key-backward-head", d: "M2 9 l7 -4 v8 z" })]],
];

/** Here it would take too much of the stage: it is shown when it is asked for. */
const NARROW_PAGE = matchMedia("(max-width: 900px)");

export class Legend {
  #host;
  #button;
  #stage;
  /** What the button said last; null: it is shown where there is room. @type {boolean | null} */
  #wanted = null;
  /** The view that it was asked for in. */
  #view = "";

  /**
   * @param {HTMLElement} host
   * @param {HTMLElement} button shows it, or takes it away
   * @param {Stage} stage
   */
  constructor(host, button, stage) {
    this.#host = host;
    this.#button = button;
    this.#stage = stage;
    host.replaceChildren(entries());
    button.addEventListener("click", () => this.#toggle());
    stage.watch(rested(() => this.#settle()));
    this.#show(!NARROW_PAGE.matches);
  }

  get #isShown() {
    return !this.#host.classList.contains("aside");
  }

  #toggle() {
    this.#wanted = !this.#isShown;
    this.#view = this.#viewText();
    this.#show(this.#wanted);
  }

  #settle() {
    if (this.#wanted && this.#view !== this.#viewText()) this.#wanted = null;
    this.#show(this.#wanted ?? (!NARROW_PAGE.matches && this.#hasRoom()));
  }

  #viewText() {
    return Object.values(this.#stage.view).join(" ");
  }

  #hasRoom() {
    const { left, top, width, height } = this.#host.getBoundingClientRect();
    const stage = this.#stage.root.getBoundingClientRect();
    return isFree(this.#stage, { x: left - stage.left, y: top - stage.top, width, height });
  }

  /** @param {boolean} shown */
  #show(shown) {
    this.#host.classList.toggle("aside", !shown);
    this.#button.setAttribute("aria-pressed", String(shown));
  }
}

function entries() {
  const list = document.createElement("ul");
  for (const [label, draw] of ENTRIES) {
    const entry = document.createElement("li");
    entry.append(svg("svg", { width: 26, height: 18, viewBox: "0 0 26 18", "aria-hidden": "true" }, ...draw()), label);
    list.append(entry);
  }
  return list;
}
