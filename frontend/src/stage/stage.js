/** The stage: draws a picture, shows what is selected, and says what was pressed. Knows neither network nor state. */

/** @import {Box, Card, Container, Picture, Point, Selection, Size} from "../model.d.ts" */
/** @import {Carried} from "./edge.js" */

import { SEED } from "../layout/visible.js";
import { drawEdge } from "./edge.js";
import { drawFrame } from "./group.js";
import { drawNode } from "./node.js";
import { svg } from "./svg.js";
import { Viewport } from "./viewport.js";

/** Below this scale small text is left out. */
const FAR = 0.42;
/** From this many things on, those out of sight are not painted. */
const CROWDED = 150;
const ARROWS = new Map([
  ["ArrowUp", { x: 0, y: -1 }],
  ["ArrowDown", { x: 0, y: 1 }],
  ["ArrowLeft", { x: -1, y: 0 }],
  ["ArrowRight", { x: 1, y: 0 }],
]);

/**
 * @typedef {object} Show
 * @property {string} structure equal for the same graph: the view is kept
 * @property {Picture} picture
 * @property {Map<string, Card>} cards
 * @property {Map<string, Container>} containers
 * @property {(segment: string) => Carried} carriedBy
 *
 * @typedef {object} Actions
 * @property {(selection: Selection | null) => void} onSelect
 * @property {(group: string) => void} onToggle
 * @property {() => number} headRoom pixels at the top of the stage that something else covers
 */

export class Stage {
  #host;
  #actions;
  #root = svg("svg", { class: "stage-svg", role: "group", "aria-label": "Computation graph" });
  #world = svg("g", { class: "world" });
  #viewport;
  /** @type {Show | null} */
  #shown = null;
  /** The group that was toggled last stays where it is. @type {{id: string, at: Point} | null} */
  #anchor = null;
  /** @type {{element: SVGElement, box: Box}[]} */
  #placed = [];
  #scheduled = 0;

  /**
   * @param {HTMLElement} host
   * @param {Actions} actions
   */
  constructor(host, actions) {
    this.#host = host;
    this.#actions = actions;
    this.#root.append(this.#world);
    host.prepend(this.#root);
    const size = () => ({ width: host.clientWidth, height: host.clientHeight, top: actions.headRoom() });
    this.#viewport = new Viewport(this.#root, this.#world, size, () => this.#viewed());
    this.#root.addEventListener("click", (event) => this.#press(event.target));
    this.#root.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => {
      if (this.#viewport.fitted) this.fit(false);
      this.#cullSoon();
    }).observe(host);
  }

  /** @param {boolean} [whole] all of it, however small */
  fit(whole = true) {
    if (!this.#shown) return;
    const { boxes, bounds } = this.#shown.picture;
    const last = boxes.get(SEED) ?? [...boxes.values()].at(-1) ?? bounds;
    this.#viewport.fit(bounds, { whole, focus: middle(last).x });
  }

  /**
   * @param {Size} bounds
   * @returns {boolean} all of it can be read at once
   */
  canRead(bounds) {
    return this.#viewport.canRead(bounds);
  }

  /** @param {number} factor */
  zoomBy(factor) {
    this.#viewport.zoomBy(factor);
  }

  clear() {
    this.#shown = null;
    this.#placed = [];
    this.#world.replaceChildren();
  }

  /** Draws again what is shown, in the colours of now. */
  redraw() {
    if (this.#shown) this.#draw(this.#shown);
  }

  /** @param {Show} show */
  show(show) {
    const before = this.#shown;
    const focused = this.#focusedKey();
    this.#shown = show;
    this.#draw(show);
    if (before?.structure !== show.structure) this.fit(false);
    else if (before.picture !== show.picture) this.#settle();
    if (focused) this.#element(focused)?.focus({ preventScroll: true });
    this.#cull();
  }

  #settle() {
    const anchor = this.#anchor;
    this.#anchor = null;
    const box = anchor && this.#boxOf(anchor.id);
    if (anchor && box) this.#viewport.follow(anchor.at, handle(box));
  }

  /** @param {Show} show */
  #draw({ picture, cards, containers, carriedBy }) {
    const layers = { frames: svg("g"), lines: svg("g"), headers: svg("g"), nodes: svg("g"), labels: svg("g", { class: "labels" }) };
    this.#placed = [];
    for (const [id, box] of picture.frames) {
      const { frame, header } = drawFrame(/** @type {Container} */ (containers.get(id)), box);
      layers.frames.prepend(frame);
      layers.headers.append(header);
    }
    for (const drawn of picture.segments) {
      const { lines, label } = drawEdge(drawn, carriedBy(drawn.segment.id));
      layers.lines.append(lines);
      this.#placed.push({ element: lines, box: around(drawn.points) });
      if (label) layers.labels.append(label);
    }
    for (const [id, box] of picture.boxes) {
      const element = drawNode(/** @type {Card} */ (cards.get(id)), box);
      layers.nodes.append(element);
      this.#placed.push({ element, box });
    }
    this.#world.replaceChildren(layers.frames, layers.lines, layers.headers, layers.nodes, layers.labels);
  }

  /**
   * @param {{items: ReadonlySet<string>, edges: ReadonlySet<string>, strong: boolean}} marked `strong`: not by line
   */
  mark({ items, edges, strong }) {
    for (const element of this.#world.querySelectorAll("[data-node], [data-edges], [data-label]")) {
      const { node, edges: own, label } = /** @type {SVGElement} */ (element).dataset;
      const hit = node !== undefined ? items.has(node) : (own ?? label ?? "").split(" ").some((id) => edges.has(id));
      element.classList.toggle("selected", hit && strong);
      element.classList.toggle("lined", hit && !strong);
    }
  }

  /** @param {string} item */
  reveal(item) {
    const box = this.#boxOf(item);
    if (box) this.#viewport.reveal(box);
  }

  /** @param {string} id */
  #boxOf(id) {
    return this.#shown?.picture.boxes.get(id) ?? this.#shown?.picture.frames.get(id);
  }

  /** @param {EventTarget | null} target */
  #press(target) {
    const element = target instanceof Element ? target.closest("[data-node], [data-group], [data-label], [data-edge]") : null;
    if (!(element instanceof SVGElement)) return this.#actions.onSelect(null);
    const { node, group, label, edges, kind } = element.dataset;
    const folded = kind === "group" || kind === "fold" ? node : undefined;
    const toggled = group ?? folded;
    if (toggled !== undefined) return this.#toggle(toggled);
    if (node !== undefined) return this.#actions.onSelect(kind === "seed" ? null : { type: "node", id: node });
    const id = label ?? edges ?? "";
    return this.#actions.onSelect({ type: id.includes(" ") ? "edges" : "edge", id });
  }

  /** @param {string} id */
  #toggle(id) {
    const box = this.#boxOf(id);
    if (box) this.#anchor = { id, at: handle(box) };
    this.#actions.onToggle(id);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const way = ARROWS.get(event.key);
    if (event.key === "Enter" || event.key === " ") this.#press(event.target);
    else if (event.key === "Escape") this.#actions.onSelect(null);
    else if (way) this.#moveFocus(event.target, way);
    else return;
    event.preventDefault();
  }

  /**
   * @param {EventTarget | null} target
   * @param {Point} way
   */
  #moveFocus(target, way) {
    const { node, group } = target instanceof SVGElement ? target.dataset : {};
    const from = this.#boxOf(node ?? group ?? "");
    if (!from) return this.#viewport.panBy({ x: -80 * way.x, y: -80 * way.y });
    const start = middle(from);
    let best = { cost: Infinity, id: "" };
    for (const [id, box] of this.#shown?.picture.boxes ?? []) {
      const to = middle(box);
      const along = (to.x - start.x) * way.x + (to.y - start.y) * way.y;
      const across = Math.abs((to.x - start.x) * way.y) + Math.abs((to.y - start.y) * way.x);
      const cost = along > 1 ? along + 2 * across : Infinity;
      if (cost < best.cost) best = { cost, id };
    }
    if (best.id === "") return undefined;
    this.reveal(best.id);
    return this.#element(`data-node=${CSS.escape(best.id)}`)?.focus({ preventScroll: true });
  }

  /** @returns {string | null} how to find the focused thing again after it is drawn anew */
  #focusedKey() {
    const active = document.activeElement;
    if (!(active instanceof SVGElement) || !this.#world.contains(active)) return null;
    const id = active.dataset.node ?? active.dataset.group;
    return id === undefined ? null : `data-node=${CSS.escape(id)}`;
  }

  /** @param {string} key @returns {SVGElement | null} */
  #element(key) {
    const found = this.#world.querySelector(`[${key}]`) ?? this.#world.querySelector(`[${key.replace("data-node", "data-group")}]`);
    return found instanceof SVGElement ? found : null;
  }

  #viewed() {
    const { k, x, y } = this.#viewport.transform;
    const { boxes } = this.#shown?.picture ?? { boxes: new Map() };
    const beyond = { up: false, down: false, left: false, right: false };
    for (const box of boxes.values()) {
      beyond.up ||= box.y * k + y < 0;
      beyond.down ||= (box.y + box.height) * k + y > this.#host.clientHeight;
      beyond.left ||= box.x * k + x < 0;
      beyond.right ||= (box.x + box.width) * k + x > this.#host.clientWidth;
    }
    this.#host.dataset.beyond = Object.entries(beyond).flatMap(([way, is]) => (is ? [way] : [])).join(" ");
    this.#root.classList.toggle("far", k < FAR);
    this.#cullSoon();
  }

  #cullSoon() {
    if (this.#scheduled !== 0) return;
    this.#scheduled = requestAnimationFrame(() => {
      this.#scheduled = 0;
      this.#cull();
    });
  }

  #cull() {
    const all = this.#placed.length < CROWDED;
    const { k, x, y } = this.#viewport.transform;
    const right = this.#host.clientWidth;
    const bottom = this.#host.clientHeight;
    for (const { element, box } of this.#placed) {
      const seen =
        all ||
        (box.x * k + x < right + 60 && (box.x + box.width) * k + x > -60 &&
          box.y * k + y < bottom + 60 && (box.y + box.height) * k + y > -60);
      element.classList.toggle("unseen", !seen);
    }
  }
}

/** @param {Box} box @returns {Point} */
function middle(box) {
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

/** @param {Box} box @returns {Point} the place of a group that stays when it opens */
function handle(box) {
  return { x: box.x + box.width / 2, y: box.y };
}

/** @param {Point[]} points @returns {Box} */
function around(points) {
  const xs = points.map(({ x }) => x);
  const ys = points.map(({ y }) => y);
  const x = Math.min(...xs) - 20;
  const y = Math.min(...ys) - 20;
  return { x, y, width: Math.max(...xs) + 20 - x, height: Math.max(...ys) + 20 - y };
}
