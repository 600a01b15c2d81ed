/** From one picture to the next: what stays glides to its new place, what is new grows out of the group that opened. */

/** @import {Box, DrawnSegment, Picture, Point} from "../model.d.ts" */
/** @import {Layers} from "./layers.js" */

import { moveEdge } from "./edge.js";
import { moveFrame } from "./group.js";
import { svg } from "./svg.js";

/** In milliseconds. */
const DURATION = 250;
/** Of so many things in view each is moved; of more only the end is shown. */
const MOST = 500;
/** What makes an element one that can be found, pressed or told. */
const LIVING = [
  "data-node", "data-group", "data-frame", "data-label", "data-edge", "data-edges", "data-name", "tabindex", "role",
];
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

/**
 * @typedef {object} Change
 * @property {Picture} before
 * @property {Picture} after
 * @property {Point} shift what was at (x, y) before is seen at (x + shift.x, y + shift.y) now
 * @property {string | null} origin the group that was opened or closed
 * @property {(box: Box) => boolean} inView
 */

export class Transition {
  #world;
  #layers;
  #ghosts = svg("g", { class: "ghosts", "aria-hidden": "true" });
  #frame = 0;
  /** @type {((part: number) => void)[]} */
  #moves = [];
  #onEnd;

  /**
   * @param {SVGGElement} world
   * @param {Layers} layers
   * @param {(moving: boolean) => void} onChange
   */
  constructor(world, layers, onChange) {
    this.#world = world;
    this.#layers = layers;
    this.#onEnd = onChange;
  }

  /** Shows the end at once. */
  finish() {
    if (this.#moves.length === 0) return;
    cancelAnimationFrame(this.#frame);
    for (const move of this.#moves) move(1);
    this.#moves = [];
    this.#ghosts.remove();
    this.#onEnd(false);
  }

  /**
   * @param {Change} change
   * @param {SVGElement[]} gone
   */
  begin(change, gone) {
    if (STILL.matches) return;
    this.#moves = [...this.#nodeMoves(change), ...this.#frameMoves(change), ...this.#edgeMoves(change)];
    if (this.#moves.length > MOST) this.#moves = [];
    if (this.#moves.length === 0) return;
    this.#haunt(gone, change.shift);
    this.#onEnd(true);
    for (const move of this.#moves) move(0);
    const start = performance.now();
    const step = (/** @type {number} */ now) => {
      const part = Math.min(1, Math.max(0, now - start) / DURATION);
      for (const move of this.#moves) move(1 - (1 - part) ** 3);
      if (part < 1) this.#frame = requestAnimationFrame(step);
      else this.finish();
    };
    this.#frame = requestAnimationFrame(step);
  }

  /**
   * What is gone fades where it was.
   *
   * @param {SVGElement[]} gone
   * @param {Point} shift
   */
  #haunt(gone, shift) {
    for (const element of gone) {
      for (const name of LIVING) element.removeAttribute(name);
    }
    this.#ghosts.replaceChildren(...gone);
    this.#ghosts.setAttribute("transform", `translate(${shift.x} ${shift.y})`);
    this.#world.prepend(this.#ghosts);
    this.#moves.push((part) => {
      this.#ghosts.style.opacity = String(Math.max(0, 1 - 2 * part));
    });
  }

  /** @param {Change} change */
  *#nodeMoves({ before, after, shift, origin, inView }) {
    const source = origin === null ? undefined : (before.boxes.get(origin) ?? before.frames.get(origin));
    for (const [id, { element }] of this.#layers.nodes) {
      const to = /** @type {Box} */ (after.boxes.get(id));
      const known = before.boxes.get(id);
      const from = moved(known ?? (source ? grownFrom(source, to) : to), shift);
      if (same(from, to) || !(inView(from) || inView(to))) continue;
      yield (/** @type {number} */ part) => {
        element.setAttribute("transform", `translate(${mix(from.x, to.x, part)} ${mix(from.y, to.y, part)})`);
        if (!known) fade([element], part);
      };
    }
  }

  /** @param {Change} change */
  *#frameMoves({ before, after, shift, inView }) {
    for (const [id, drawn] of this.#layers.frames) {
      const to = /** @type {Box} */ (after.frames.get(id));
      const from = moved(before.frames.get(id) ?? before.boxes.get(id) ?? to, shift);
      if (same(from, to) || !(inView(from) || inView(to))) continue;
      yield (/** @type {number} */ part) => moveFrame(drawn, between(from, to, part));
    }
  }

  /** @param {Change} change */
  *#edgeMoves({ before, shift, inView }) {
    const known = new Map(before.segments.map((drawn) => [drawn.segment.id, drawn]));
    for (const [id, drawn] of this.#layers.edges) {
      const to = drawn.drawn;
      if (!inView(around(to.points))) continue;
      const from = /** @type {DrawnSegment | undefined} */ (known.get(id));
      if (!from || !alike(from, to)) {
        yield (/** @type {number} */ part) => fade([drawn.lines, drawn.label], part ** 2);
      } else if (to.points.some((point, i) => !near(point, from.points[i], shift))) {
        yield (/** @type {number} */ part) => moveEdge(drawn, partly(from, to, shift, part), drawn.carried);
      }
    }
  }
}

/**
 * @param {DrawnSegment} from
 * @param {DrawnSegment} to
 */
function alike(from, to) {
  const down = (/** @type {DrawnSegment} */ { points }) => (points.at(-1)?.y ?? 0) >= (points[0]?.y ?? 0);
  return from.points.length === to.points.length && from.rail === to.rail && down(from) === down(to);
}

/**
 * @param {DrawnSegment} from
 * @param {DrawnSegment} to
 * @param {Point} shift
 * @param {number} part
 * @returns {DrawnSegment}
 */
function partly(from, to, shift, part) {
  const point = (/** @type {Point} */ a, /** @type {Point} */ b) => ({
    x: mix(a.x + shift.x, b.x, part), y: mix(a.y + shift.y, b.y, part),
  });
  const label = from.label && to.label ? point(from.label, to.label) : to.label;
  return { ...to, label, points: to.points.map((b, i) => point(/** @type {Point} */ (from.points[i]), b)) };
}

/**
 * @param {Point} a
 * @param {Point | undefined} b
 * @param {Point} shift
 */
function near(a, b, shift) {
  return b !== undefined && Math.abs(a.x - b.x - shift.x) < 0.5 && Math.abs(a.y - b.y - shift.y) < 0.5;
}

/**
 * @param {(SVGElement | null)[]} elements
 * @param {number} opacity
 */
function fade(elements, opacity) {
  for (const element of elements) if (element) element.style.opacity = opacity >= 1 ? "" : String(opacity);
}

/** @param {number} a @param {number} b @param {number} part */
function mix(a, b, part) {
  return part >= 1 ? b : a + (b - a) * part;
}

/** @param {Box} a @param {Box} b @param {number} part @returns {Box} */
function between(a, b, part) {
  const [width, height] = [mix(a.width, b.width, part), mix(a.height, b.height, part)];
  return { x: mix(a.x, b.x, part), y: mix(a.y, b.y, part), width, height };
}

/** @param {Box} box @param {Point} by @returns {Box} */
function moved(box, by) {
  return { ...box, x: box.x + by.x, y: box.y + by.y };
}

/** @param {Box} source @param {Box} box @returns {Box} in the middle of the source, at its top */
function grownFrom(source, box) {
  return { ...box, x: source.x + source.width / 2 - box.width / 2, y: source.y };
}

/** @param {Box} a @param {Box} b */
function same(a, b) {
  return Math.abs(a.x - b.x) + Math.abs(a.y - b.y) + Math.abs(a.width - b.width) + Math.abs(a.height - b.height) < 0.5;
}

/**
 * @param {Point[]} points
 * @returns {Box} around all of them, with some room
 */
export function around(points) {
  const xs = points.map(({ x }) => x);
  const ys = points.map(({ y }) => y);
  const x = Math.min(...xs) - 20;
  const y = Math.min(...ys) - 20;
  return { x, y, width: Math.max(...xs) + 20 - x, height: Math.max(...ys) + 20 - y };
}
