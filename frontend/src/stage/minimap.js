/** The whole picture in small, with a frame around what is in view that can be dragged. */

/** @import {Box, Point} from "../model.d.ts" */
/** @import {Stage} from "./stage.js" */

import { isFree, rested } from "./covering.js";
import { svg } from "./svg.js";

const MARGIN = 6;
/** What the tools take of the stage's height, in pixels; on a narrow page they stand below. */
const TOOLS = 376;
/** With less than so much left below them, in pixels, the map stands beside them. */
const LEAST = 110;
const ROW = matchMedia("(max-width: 900px)");
/** Between the map and the edge of the stage, or what stands below it. */
const APART = { edge: 14, tools: 50, keys: 8 };

export class Minimap {
  #host;
  #stage;
  #root = svg("svg", { class: "minimap-svg" });
  #groups = svg("path", { class: "minimap-groups" });
  #boxes = svg("path", { class: "minimap-boxes" });
  #view = svg("rect", { class: "minimap-view", rx: 3 });
  /** @type {object | null} */
  #drawn = null;
  #size = { width: 0, height: 0 };
  #scale = 1;
  #dragged = false;
  #clearSoon = rested(() => this.#clear());

  /**
   * @param {HTMLElement} host hidden while all of the picture is in view
   * @param {Stage} stage
   */
  constructor(host, stage) {
    this.#host = host;
    this.#stage = stage;
    this.#root.append(this.#groups, this.#boxes, this.#view);
    host.append(this.#root);
    stage.watch(() => this.#update());
    host.addEventListener("pointerdown", (event) => this.#drag(event));
  }

  #update() {
    const picture = this.#stage.shown?.picture;
    const { width, height } = this.#stage.size;
    const whole = !picture || this.#seesAll(picture.bounds, { width, height });
    this.#host.hidden = whole;
    if (!picture || whole) return;
    if (this.#drawn !== picture || this.#size.width !== width || this.#size.height !== height) this.#draw(picture);
    this.#drawn = picture;
    this.#size = { width, height };
    const { k, x, y } = this.#stage.view;
    const { bounds } = picture;
    const left = Math.max((-x / k - bounds.x) * this.#scale, -MARGIN);
    const top = Math.max((-y / k - bounds.y) * this.#scale, -MARGIN);
    const right = Math.min(((width - x) / k - bounds.x) * this.#scale, bounds.width * this.#scale + MARGIN);
    const bottom = Math.min(((height - y) / k - bounds.y) * this.#scale, bounds.height * this.#scale + MARGIN);
    this.#clearSoon();
    const [across, down] = [Math.max(right - left, 4), Math.max(bottom - top, 4)];
    const seen = { x: left + MARGIN, y: top + MARGIN, width: across, height: down };
    for (const [name, value] of Object.entries(seen)) this.#view.setAttribute(name, String(value));
  }

  /** Goes to the corner where it covers nothing; where both are taken, what is below it shows through. */
  #clear() {
    if (this.#dragged || this.#host.hidden) return;
    const { width, height } = this.#host.getBoundingClientRect();
    const keys = this.#host.parentElement?.querySelector(".keys")?.getBoundingClientRect().height ?? 0;
    const { classList, style } = this.#host;
    const foot = APART.edge + (ROW.matches ? APART.tools : 0);
    const lift = keys > 0 ? keys + APART.keys : 0;
    const y = this.#stage.size.height - height - foot;
    const right = this.#stage.size.width - width - APART.edge - (classList.contains("beside") ? APART.tools : 0);
    const places = { right: { x: right, y }, left: { x: APART.edge, y: y - lift } };
    const isClear = (/** @type {Point} */ place) => isFree(this.#stage, { ...place, width, height });
    const [here, there] = classList.contains("left") ? [places.left, places.right] : [places.right, places.left];
    const free = [here, there].find(isClear) ?? here;
    classList.toggle("left", free === places.left);
    classList.toggle("covering", !isClear(free));
    style.setProperty("--lift", `${lift}px`);
  }

  /** @param {{boxes: Map<string, Box>, frames: Map<string, Box>, bounds: Box}} picture */
  #draw({ boxes, frames, bounds }) {
    const room = this.#mapRoom();
    this.#scale = Math.min((room.width - 2 * MARGIN) / bounds.width, (room.height - 2 * MARGIN) / bounds.height);
    this.#root.setAttribute("width", String(Math.max(bounds.width * this.#scale, 24) + 2 * MARGIN));
    this.#root.setAttribute("height", String(Math.max(bounds.height * this.#scale, 24) + 2 * MARGIN));
    const path = (/** @type {Iterable<Box>} */ all) => [...all].map((box) => this.#outline(box, bounds)).join("");
    this.#groups.setAttribute("d", path(frames.values()));
    this.#boxes.setAttribute("d", path(boxes.values()));
  }

  /**
   * @param {Box} box
   * @param {Box} bounds
   */
  #outline(box, bounds) {
    const x = (box.x - bounds.x) * this.#scale + MARGIN;
    const y = (box.y - bounds.y) * this.#scale + MARGIN;
    const [width, height] = [Math.max(box.width * this.#scale, 0.8), Math.max(box.height * this.#scale, 0.8)];
    return `M${x.toFixed(1)},${y.toFixed(1)}h${width.toFixed(1)}v${height.toFixed(1)}h${(-width).toFixed(1)}z`;
  }

  /** @returns {{width: number, height: number}} at most, of the map itself */
  #mapRoom() {
    const { width, height } = this.#stage.size;
    const below = height - TOOLS;
    const beside = !ROW.matches && below < LEAST;
    this.#host.classList.toggle("beside", beside);
    const most = ROW.matches || beside ? height * 0.36 : below;
    return { width: Math.min(width * 0.18, 150), height: Math.max(60, Math.min(height * 0.36, most, 240)) };
  }

  /**
   * @param {Box} bounds
   * @param {{width: number, height: number}} room
   */
  #seesAll(bounds, { width, height }) {
    const { k, x, y } = this.#stage.view;
    const [left, top] = [bounds.x * k + x, bounds.y * k + y];
    return left >= -2 && top >= -2 && left + bounds.width * k <= width + 2 && top + bounds.height * k <= height + 2;
  }

  /** @param {PointerEvent} event */
  #drag(event) {
    event.preventDefault();
    this.#host.setPointerCapture(event.pointerId);
    this.#dragged = true;
    const go = (/** @type {PointerEvent} */ at) => this.#stage.centreOn(this.#place(at));
    const stop = () => {
      this.#dragged = false;
      this.#clearSoon();
      this.#host.removeEventListener("pointermove", go);
      for (const name of ["pointerup", "pointercancel"]) this.#host.removeEventListener(name, stop);
    };
    this.#host.addEventListener("pointermove", go);
    for (const name of ["pointerup", "pointercancel"]) this.#host.addEventListener(name, stop);
    go(event);
  }

  /** @param {PointerEvent} event @returns {Point} of the picture */
  #place({ clientX, clientY }) {
    const { left, top } = this.#root.getBoundingClientRect();
    const { x = 0, y = 0 } = this.#stage.shown?.picture.bounds ?? {};
    return { x: (clientX - left - MARGIN) / this.#scale + x, y: (clientY - top - MARGIN) / this.#scale + y };
  }
}
