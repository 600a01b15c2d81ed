/** Pan, zoom and fit; the only importer of d3. */

/** @import {Box, Point, Size} from "../model.d.ts" */

import { interpolate, select, zoom, zoomIdentity } from "../../vendor/d3.js";

const NEAREST = 3;
const FARTHEST = 0.004;
/** A fitted picture is not blown up beyond this. */
const FITTED = 1.3;
/** Smaller than this a picture cannot be read: rather a part of it is seen first, in this size. */
export const FIRST_SCALE = 0.85;
/** Below this scale small text is left out: who looks for a thing by its name wants to see it closer. */
export const LEGIBLE = 0.42;
/**
 * Presented to a hall: the least and the most of a fitted picture; one of which a part is seen first is larger. All of
 * them on a stage of so many pixels; a wider one is no larger on the wall, so its pixels are smaller.
 */
const PRESENTED = { least: 1.1, part: 1.4, most: 2.4, width: 940, margin: 26 };
/** Of a view that goes along with the playback, in milliseconds. */
const GLIDE = 350;
/** At the right stand the tools and below the legend, on a narrow page the tools alone below. */
const MARGIN = { side: 34, tools: 64, narrow: 8, bottom: 58, gap: 24, tight: 62 };
const NARROW = 560;
const NARROW_PAGE = "(max-width: 900px)";

export class Viewport {
  #root;
  #behaviour;
  #size;
  /** The view still is the one that `fit` made, so it may be made again when the stage changes its size. */
  #fitted = true;
  #moved = false;

  /**
   * @param {SVGSVGElement} root
   * @param {() => Size & {top: number, foot: number, presented: boolean}} size of the stage, in pixels; nothing is
   *   fitted into its uppermost `top`, nor where something `foot` high stands below; presented: seen from afar
   * @param {() => void} onChange
   */
  constructor(root, size, onChange) {
    this.#size = size;
    this.#root = select(/** @type {Element} */ (root));
    this.#behaviour = zoom()
      .extent(() => [[0, 0], [size().width, size().height]])
      .scaleExtent([FARTHEST, NEAREST])
      .clickDistance(5)
      .filter(isMeant)
      // d3's own would zoom out and in on the way, and a view that is sent elsewhere meanwhile would stay so.
      .interpolate(interpolate)
      .on("zoom", (/** @type {{sourceEvent: Event | null}} */ event) => {
        if (event.sourceEvent) this.#fitted = false;
        onChange();
      })
      .on("start", (/** @type {{sourceEvent: Event | null}} */ event) => {
        this.#moved = event.sourceEvent !== null;
      })
      .on("end", () => {
        if (!this.#moved) return;
        this.#moved = false;
        onChange();
      });
    this.#root.call(this.#behaviour);
  }

  get fitted() {
    return this.#fitted;
  }

  /** A hand is moving the view. */
  get isMoved() {
    return this.#moved;
  }

  get transform() {
    const { k, x, y } = /** @type {any} */ (this.#root.property("__zoom")) ?? zoomIdentity;
    return { k: /** @type {number} */ (k), x: /** @type {number} */ (x), y: /** @type {number} */ (y) };
  }

  /** @param {number} factor */
  zoomBy(factor) {
    this.#fitted = false;
    this.#root.call(this.#behaviour.scaleBy, factor);
  }

  /** @param {Point} by pixels on screen */
  panBy(by) {
    this.#fitted = false;
    const { k } = this.transform;
    this.#root.call(this.#behaviour.translateBy, by.x / k, by.y / k);
  }

  /**
   * @param {Size} bounds
   * @returns {number} the scale at which all of it is seen
   */
  scaleFor(bounds) {
    const { roomX, roomY } = this.#room();
    const most = this.#size().presented ? Math.min(this.#onWall(PRESENTED.most), NEAREST) : FITTED;
    return Math.min(roomX / bounds.width, roomY / bounds.height, most);
  }

  /**
   * @param {Size} bounds
   * @returns {boolean} all of it can be read at once
   */
  canRead(bounds) {
    return this.scaleFor(bounds) >= this.#readable();
  }

  /** @returns {number} of the largest picture of which all can be read at once, in its own pixels */
  get readableArea() {
    const { roomX, roomY } = this.#room();
    return (roomX * roomY) / this.#readable() ** 2;
  }

  #readable() {
    return this.#size().presented ? this.#onWall(PRESENTED.least) : FIRST_SCALE;
  }

  #partial() {
    return this.#size().presented ? this.#onWall(PRESENTED.part) : FIRST_SCALE;
  }

  /** @param {number} scale that is meant @returns {number} that looks like it on a wall */
  #onWall(scale) {
    return scale * Math.max(1, this.#size().width / PRESENTED.width);
  }

  /**
   * @param {Box} bounds in the picture
   * @param {{whole: boolean, focus: number}} options whole: all of it, however small; else its lower end in a readable
   *   size, around the x of `focus`
   */
  fit(bounds, { whole, focus }) {
    const { roomX, roomY, top, side } = this.#room();
    const ideal = this.scaleFor(bounds);
    const scale = whole || ideal >= this.#readable() ? Math.max(ideal, FARTHEST) : this.#partial();
    const spare = roomX - bounds.width * scale;
    const [most, least] = [Math.max(spare, 0), Math.min(spare, 0)];
    const left = whole || ideal >= scale ? spare / 2 : Math.max(least, Math.min(most, roomX / 2 - focus * scale));
    const x = side + left - bounds.x * scale;
    const free = roomY - bounds.height * scale;
    const y = top + (free >= 0 ? free / 2 : free) - bounds.y * scale;
    this.#root.call(this.#behaviour.transform, zoomIdentity.translate(x, y).scale(scale));
    this.#fitted = true;
  }

  #room() {
    const { width, height, top, foot, presented } = this.#size();
    if (presented) {
      const { margin } = PRESENTED;
      return { roomX: width - 2 * margin, roomY: height - 2 * margin, top: margin, side: margin };
    }
    const side = width < NARROW ? MARGIN.narrow : MARGIN.side;
    const { matches } = matchMedia(NARROW_PAGE);
    const across = side + (matches ? side : MARGIN.tools);
    const below = matches ? MARGIN.tight : Math.max(MARGIN.bottom, foot + MARGIN.gap);
    return { roomX: Math.max(width - across, 50), roomY: Math.max(height - top - below, 50), top, side };
  }

  /**
   * Moves the picture so that what was at one place of it is seen where it was, now that it is at another.
   *
   * @param {Point} before
   * @param {Point} after
   */
  follow(before, after) {
    this.#root.call(this.#behaviour.translateBy, before.x - after.x, before.y - after.y);
  }

  /** @param {Point} place of the picture */
  centreOn(place) {
    this.#fitted = false;
    this.#root.call(this.#behaviour.translateTo, place.x, place.y);
  }

  /**
   * Brings a box into view if it is not.
   *
   * @param {Box} box
   */
  reveal(box) {
    const { k, x, y } = this.transform;
    const { width, height } = this.#size();
    const left = box.x * k + x;
    const top = box.y * k + y;
    const inside = left >= 0 && top >= 0 && left + box.width * k <= width && top + box.height * k <= height;
    if (!inside) this.#root.call(this.#behaviour.translateTo, box.x + box.width / 2, box.y + box.height / 2);
  }

  /**
   * Brings a box into view, large enough to be read.
   *
   * @param {Box} box
   */
  approach(box) {
    if (this.transform.k < LEGIBLE) this.#root.call(this.#behaviour.scaleTo, FIRST_SCALE);
    this.reveal(box);
  }

  /**
   * Moves the view as little as shows a box, gently; one that is larger than the view is centred.
   *
   * @param {Box} box
   * @param {boolean} still at once
   */
  goAlong(box, still) {
    const { k, x, y } = this.transform;
    const { roomX, roomY, top, side } = this.#room();
    const by = {
      x: outside(box.x * k + x, box.width * k, side, roomX) / k,
      y: outside(box.y * k + y, box.height * k, top, roomY) / k,
    };
    if (by.x === 0 && by.y === 0) return;
    const moved = still ? this.#root : this.#root.transition().duration(GLIDE);
    moved.call(this.#behaviour.translateBy, by.x, by.y);
  }
}

/**
 * @param {number} start
 * @param {number} length
 * @param {number} from
 * @param {number} room
 * @returns {number} by how much it must be moved to be within
 */
function outside(start, length, from, room) {
  if (length > room) return from + (room - length) / 2 - start;
  return Math.min(0, from + room - start - length) + Math.max(0, from - start);
}

/**
 * @param {MouseEvent} event
 * @returns {boolean} as d3 has it, except that a double click on a thing is a click on it and no wish to come nearer
 */
function isMeant({ type, target, ctrlKey, button }) {
  const onThing = target instanceof Element && target.closest("[data-node], [data-group], [data-label], [data-edge]") !== null;
  return (!ctrlKey || type === "wheel") && !button && !(type === "dblclick" && onThing);
}
