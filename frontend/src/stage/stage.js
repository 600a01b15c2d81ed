/** The stage: draws a picture, shows what is selected, and says what was pressed. Knows neither network nor state. */

/** @import {Box, Card, Container, Picture, Point, Selection, Size} from "../model.d.ts" */
/** @import {Carried} from "./edge.js" */
/** @import {Link} from "./travel.js" */

import { SEED } from "../layout/visible.js";
import { Afar } from "./afar.js";
import { wireControls } from "./controls.js";
import { Culling } from "./culling.js";
import { Layers } from "./layers.js";
import { svg } from "./svg.js";
import { Transition } from "./transition.js";
import { middle } from "./travel.js";
import { LEGIBLE, Viewport } from "./viewport.js";

/** Below this scale all text is left out. */
const FARTHER = 0.2;
/** Things that are this part of the view apart are not brought into it together. */
const MOST_SEEN = 0.8;

/**
 * @typedef {object} Show
 * @property {string} structure equal for the same graph: the view is kept
 * @property {Picture} picture
 * @property {Map<string, Card>} cards
 * @property {Map<string, Container>} containers
 * @property {(segment: string) => Carried} carriedBy
 * @property {() => Link[]} links what the arrow keys follow
 *
 * @typedef {object} Actions
 * @property {(selection: Selection | null) => void} onSelect
 * @property {(group: string) => void} onToggle
 * @property {() => number} headRoom pixels at the top of the stage that something else covers
 * @property {() => number} footRoom height of what stands at its lower end, in pixels
 * @property {() => boolean} isPresented the stage is seen from afar
 *
 * @typedef {{k: number, x: number, y: number}} View a place (x, y) of the picture is seen at (k x + x, k y + y)
 */

export class Stage {
  #host;
  #root = svg("svg", { class: "stage-svg", role: "group", "aria-label": "Computation graph" });
  #world = svg("g", { class: "world" });
  #layers = new Layers(this.#world);
  #transition = new Transition(this.#world, this.#layers, (moving) => {
    this.#host.toggleAttribute("data-moving", moving);
    if (!moving) this.#cull();
  });
  #viewport;
  /** @type {Show | null} */
  #shown = null;
  /** The group that was toggled last stays where it is. @type {{id: string, at: Point} | null} */
  #anchor = null;
  /** Kept, because to ask for it between two changes would lay the page out each time. @type {Size} */
  #size = { width: 0, height: 0 };
  #culling = new Culling();
  #afar = new Afar(this.#root);
  #scheduled = 0;
  #afresh = false;
  /** @type {(() => void)[]} */
  #watchers = [];

  /**
   * @param {HTMLElement} host
   * @param {Actions} actions
   */
  constructor(host, actions) {
    this.#host = host;
    this.#root.append(this.#world);
    host.prepend(this.#root);
    this.#measure();
    const { headRoom, footRoom, isPresented } = actions;
    const size = () => ({ ...this.#size, top: headRoom(), foot: footRoom(), presented: isPresented() });
    this.#viewport = new Viewport(this.#root, size, () => this.#viewed());
    wireControls(this.#root, {
      shown: () => this.#shown,
      onSelect: actions.onSelect,
      onToggle: (group) => {
        this.hold(group);
        actions.onToggle(group);
      },
      onTravel: (item) => this.reveal(item, true),
    });
    // Not on the root: Chromium gives the focus to an <svg> that listens for it.
    host.addEventListener("focusin", ({ target }) => {
      const byKey = target instanceof Element && this.#world.contains(target) && target.matches(":focus-visible");
      if (byKey) this.#bringIn(target);
    });
    new ResizeObserver(() => {
      this.#measure();
      this.refit();
      this.#viewed();
    }).observe(host);
  }

  /** What stands around the picture has another size: a view that nobody has moved is made again. */
  refit() {
    if (this.#viewport.fitted) this.fit(false);
  }

  /** @returns {Show | null} */
  get shown() {
    return this.#shown;
  }

  #measure() {
    this.#size = { width: this.#host.clientWidth, height: this.#host.clientHeight };
  }

  /** @returns {Size} in pixels */
  get size() {
    return this.#size;
  }

  /** @returns {View} */
  get view() {
    return this.#viewport.transform;
  }

  /** What is drawn, by id; for those who move or mark it. */
  get layers() {
    return this.#layers;
  }

  /** The element that is panned and zoomed, with all layers in it. */
  get world() {
    return this.#world;
  }

  /** The outermost element, for a picture of it. */
  get root() {
    return this.#root;
  }

  /** @param {() => void} watcher called after the picture or the view of it changed */
  watch(watcher) {
    this.#watchers.push(watcher);
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

  /** @returns {number} of the largest picture of which all can be read at once, in its own pixels */
  get readableArea() {
    return this.#viewport.readableArea;
  }

  /** @param {number} factor */
  zoomBy(factor) {
    this.#viewport.zoomBy(factor);
  }

  /** @param {Point} place of the picture, brought into the middle */
  centreOn(place) {
    this.#viewport.centreOn(place);
  }

  clear() {
    this.#transition.finish();
    this.#shown = null;
    this.#culling.clear();
    this.#layers.clear();
    this.#tell();
  }

  /** Draws again what is shown, in the colours of now. */
  redraw() {
    if (!this.#shown) return;
    this.#layers.clear();
    this.#draw(this.#shown);
  }

  /** @param {Show} show */
  show(show) {
    this.#transition.finish();
    const before = this.#shown;
    const focused = this.#focusedKey();
    const { view } = this;
    this.#shown = show;
    const gone = this.#draw(show);
    const same = before?.structure === show.structure;
    const afresh = !same || this.#afresh;
    this.#afresh = false;
    this.#cull();
    if (afresh) this.fit(false);
    else if (before.picture !== show.picture) this.#settle(before.picture, view, gone);
    if (focused) this.#element(focused)?.focus({ preventScroll: true });
    this.#cull();
    this.#tell();
  }

  /**
   * @param {Picture} before
   * @param {View} view of it
   * @param {SVGElement[]} gone
   */
  #settle(before, view, gone) {
    const anchor = this.#anchor;
    this.#anchor = null;
    const box = anchor && this.#boxOf(anchor.id);
    if (anchor && box) this.#viewport.follow(anchor.at, handle(box));
    const { k, x, y } = this.view;
    const shift = { x: (view.x - x) / k, y: (view.y - y) / k };
    const after = /** @type {Show} */ (this.#shown).picture;
    const change = { before, after, shift, origin: anchor?.id ?? null, inView: this.#sight() };
    this.#transition.begin(change, gone);
  }

  /**
   * @param {Show} show
   * @returns {SVGElement[]} what is no more
   */
  #draw({ picture, cards, containers, carriedBy }) {
    const gone = this.#layers.draw(picture, cards, containers, carriedBy);
    this.#culling.begin(this.#layers);
    return gone;
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

  /**
   * @param {string} item
   * @param {boolean} [focus]
   */
  reveal(item, focus = false) {
    const box = this.#boxOf(item);
    if (box) this.#viewport.reveal(box);
    if (focus) this.#cull(); // what is not displayed takes no focus
    if (focus) this.#element(`data-node=${CSS.escape(item)}`)?.focus({ preventScroll: true });
  }

  /** @param {Element} element of the picture; the view moves as little as shows it */
  #bringIn(element) {
    const { left, top, width, height } = element.getBoundingClientRect();
    const stage = this.#host.getBoundingClientRect();
    const { k, x, y } = this.view;
    const box = { x: (left - stage.left - x) / k, y: (top - stage.top - y) / k, width: width / k, height: height / k };
    this.#viewport.goAlong(box, true);
  }

  /** @param {string} item that was asked for by name */
  approach(item) {
    const box = this.#boxOf(item);
    if (box) this.#viewport.approach(box);
  }

  /**
   * The view goes along with what happens.
   *
   * @param {readonly string[]} items all of them are brought into view, or at least the last
   * @param {boolean} still at once
   */
  goAlong(items, still) {
    const boxes = items.flatMap((item) => this.#boxOf(item) ?? []);
    const last = boxes.at(-1);
    if (!last) return;
    this.#viewport.goAlong(last, still);
    const left = Math.min(...boxes.map(({ x }) => x));
    const top = Math.min(...boxes.map(({ y }) => y));
    const width = Math.max(...boxes.map((box) => box.x + box.width)) - left;
    const height = Math.max(...boxes.map((box) => box.y + box.height)) - top;
    const { k } = this.view;
    if (width * k < this.#size.width * MOST_SEEN && height * k < this.#size.height * MOST_SEEN) {
      this.#viewport.goAlong({ x: left, y: top, width, height }, still);
    }
  }

  /** @param {string} item a group or a node that is brought into view as large as it fits */
  zoomTo(item) {
    const box = this.#boxOf(item);
    if (box) this.#viewport.fit(box, { whole: true, focus: middle(box).x - box.x });
  }

  /** The next picture is seen as a new one would be: so much is other that no place is worth keeping. */
  lookAfresh() {
    this.#afresh = true;
  }

  /** @param {string} id of what keeps its place on the screen when the picture changes next */
  hold(id) {
    const box = this.#boxOf(id);
    if (box) this.#anchor = { id, at: handle(box) };
  }

  /** @param {string} id */
  #boxOf(id) {
    return this.#shown?.picture.boxes.get(id) ?? this.#shown?.picture.frames.get(id);
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
    const header = key.replace("data-node", "data-group");
    const found = this.#world.querySelector(`[${key}]`) ?? this.#world.querySelector(`[${header}]`);
    return found instanceof SVGElement ? found : null;
  }

  #viewed() {
    const { k, x, y } = this.#viewport.transform;
    const { bounds } = this.#shown?.picture ?? { bounds: { x: 0, y: 0, width: 0, height: 0 } };
    const beyond = {
      up: bounds.y * k + y < -1,
      down: (bounds.y + bounds.height) * k + y > this.#size.height + 1,
      left: bounds.x * k + x < -1,
      right: (bounds.x + bounds.width) * k + x > this.#size.width + 1,
    };
    const ways = Object.entries(beyond).flatMap(([way, is]) => (is ? [way] : [])).join(" ");
    if (this.#host.dataset.beyond !== ways) this.#host.dataset.beyond = ways;
    this.#root.classList.toggle("far", k < LEGIBLE);
    this.#root.classList.toggle("farther", k < FARTHER);
    if (this.#viewport.isMoved && k < FARTHER && this.#afar.begin(this.#layers)) return this.#followSoon();
    this.#world.setAttribute("transform", `translate(${x},${y}) scale(${k})`);
    this.#afar.end();
    return this.#followSoon();
  }

  /** What goes along with the view does so once a frame. */
  #followSoon() {
    if (this.#scheduled !== 0) return;
    this.#scheduled = requestAnimationFrame(() => {
      this.#scheduled = 0;
      if (this.#afar.going) this.#afar.draw(this.view, this.#size);
      else this.#cull();
      this.#tell();
    });
  }

  #tell() {
    for (const watcher of this.#watchers) watcher();
  }

  /** @returns {(box: Box) => boolean} whether any of it can be seen */
  #sight() {
    const { k, x, y } = this.#viewport.transform;
    const { width, height } = this.#size;
    const [left, top] = [(-60 - x) / k, (-60 - y) / k];
    const [right, bottom] = [(width + 60 - x) / k, (height + 60 - y) / k];
    return (box) => box.x < right && box.x + box.width > left && box.y < bottom && box.y + box.height > top;
  }

  #cull() {
    this.#culling.update(this.#sight(), this.view.k >= FARTHER);
  }
}

/** @param {Box} box @returns {Point} the place of a group that stays when it opens */
function handle(box) {
  return { x: box.x + box.width / 2, y: box.y };
}
