/** What travels along the edges while an event happens: a number, or a small heat map, with a trail behind it. */

/** @import {Point, Tensor} from "../model.d.ts" */
/** @import {Layers} from "./layers.js" */
/** @import {Score} from "./moment.js" */

import { SEED } from "../layout/visible.js";
import { cellsTogether, meetingsAt } from "../meeting.js";
import { heatOf, heatSize, isScalar, isWritten, shapeText, valueText } from "../tensor.js";
import { heatImage } from "./heat.js";
import { svg, text } from "./svg.js";
import { textWidth } from "./text.js";

/** Of one event so many are shown; an op with more inputs is rare. */
const MOST = 12;
const HEIGHT = 26;
/** Pixels between two points of a way, and the most points of one. */
const FINE = 10;
const MOST_POINTS = 80;
const HEAT_ROOM = { width: 40, height: 30 };

/**
 * @typedef {{points: Point[], trail: SVGPathElement, length: number}} Leg points: equally far apart along it
 * @typedef {{element: SVGGElement, legs: Leg[], length: number}} Token
 */

export class Tokens {
  #layers;
  #root = svg("g", { class: "tokens", "aria-hidden": "true" });
  /** @type {Token[]} */
  #tokens = [];

  /**
   * @param {SVGGElement} world
   * @param {Layers} layers
   */
  constructor(world, layers) {
    this.#layers = layers;
    world.append(this.#root);
  }

  clear() {
    if (this.#tokens.length === 0) return;
    this.#tokens = [];
    this.#root.replaceChildren();
  }

  /**
   * @param {Score} score
   * @param {number} at the event
   */
  begin(score, at) {
    this.clear();
    const phase = score.events[at]?.phase;
    if (phase !== "forward" && phase !== "backward") return;
    for (const edge of score.moving(at).slice(0, MOST)) {
      const token = this.#token(score, edge, phase);
      if (token) this.#tokens.push(token);
    }
    const trails = this.#tokens.flatMap(({ legs }) => legs.map(({ trail }) => trail));
    this.#root.replaceChildren(...trails, ...this.#tokens.map(({ element }) => element));
  }

  /**
   * @param {Score} score
   * @param {string} edge
   * @param {"forward" | "backward"} phase
   * @returns {Token | null}
   */
  #token(score, edge, phase) {
    const tensor = tensorOf(score, edge, phase);
    const way = phase === "forward" ? score.way(edge) : [...score.way(edge)].reverse();
    const legs = way.flatMap(({ segment }) => {
      const path = this.#layers.fillEdge(segment.id)?.querySelector(`.${phase}`);
      return path instanceof SVGPathElement ? [leg(path, phase)] : [];
    });
    if (!tensor || legs.length === 0) return null;
    const length = legs.reduce((sum, each) => sum + each.length, 0);
    return { element: drawToken(tensor, phase, scaleOf(score, edge, phase)), legs, length };
  }

  /** @param {number} part of the way, from 0 to 1 */
  move(part) {
    for (const { element, legs, length } of this.#tokens) {
      let gone = part * length;
      let place = null;
      for (const { points, trail, length: own } of legs) {
        const on = Math.min(Math.max(gone, 0), own);
        trail.setAttribute("stroke-dashoffset", String(own > 0 ? 1 - on / own : 0));
        if (place === null && gone <= own) place = pointAt(points, own > 0 ? on / own : 1);
        gone -= own;
      }
      place ??= legs.at(-1)?.points.at(-1) ?? { x: 0, y: 0 };
      element.setAttribute("transform", `translate(${place.x} ${place.y})`);
    }
  }
}

/**
 * @param {SVGPathElement} path
 * @param {string} phase
 * @returns {Leg}
 */
function leg(path, phase) {
  const d = path.getAttribute("d") ?? "";
  const trail = svg("path", { class: `trail ${phase}`, d, pathLength: 1, "stroke-dasharray": "1 2", "stroke-dashoffset": 1 });
  const length = path.getTotalLength();
  const steps = Math.min(MOST_POINTS, Math.ceil(length / FINE) + 1);
  // Now, not on the way: to ask a path for a point lays the page out anew after every change.
  const points = Array.from({ length: steps + 1 }, (_, i) => path.getPointAtLength((length * i) / steps));
  return { points, trail, length };
}

/**
 * @param {Point[]} points
 * @param {number} part of the way, from 0 to 1
 * @returns {Point}
 */
function pointAt(points, part) {
  const place = part * (points.length - 1);
  const before = Math.min(Math.floor(place), points.length - 2);
  const [a, b] = /** @type {[Point, Point]} */ (points.slice(before, before + 2));
  const rest = place - before;
  return { x: a.x + (b.x - a.x) * rest, y: a.y + (b.y - a.y) * rest };
}

/**
 * @param {Score} score
 * @param {string} edge
 * @param {"forward" | "backward"} phase
 * @returns {Tensor | undefined}
 */
function tensorOf({ subject: { graph, step } }, edge, phase) {
  if (edge === SEED) return step.lossNode === null ? undefined : step.grads.get(step.lossNode);
  if (phase === "backward") return step.edgeGrads.get(edge);
  const found = graph.edges.get(edge);
  if (!found) return undefined;
  return step.outputs.get(found.source)?.[found.source_output] ?? step.values.get(found.source);
}

/**
 * @param {Score} score
 * @param {string} edge
 * @param {string} phase
 * @returns {number | undefined} what gets the full colour: where gradients meet, the largest of all of them
 */
function scaleOf({ subject: { graph, step } }, edge, phase) {
  if (phase === "forward") return undefined;
  const meetings = meetingsAt(graph.edges.get(edge)?.source ?? "", graph, step);
  const met = meetings.find(({ parts }) => parts.some((part) => part.edge === edge));
  return met && cellsTogether(met)?.scale;
}

/**
 * @param {Tensor} tensor
 * @param {string} phase
 * @param {number} [scale]
 * @returns {SVGGElement} around its own middle
 */
function drawToken(tensor, phase, scale) {
  const token = svg("g", { class: `token ${phase}` });
  const heat = isScalar(tensor) || isWritten(tensor) ? null : heatOf(tensor, { room: HEAT_ROOM, write: false, scale });
  if (heat) {
    const { width, height } = heatSize(heat);
    const ground = { x: -width / 2 - 4, y: -height / 2 - 4, width: width + 8, height: height + 8, rx: 7 };
    const image = { href: heatImage(heat), x: -width / 2, y: -height / 2, width, height, preserveAspectRatio: "none" };
    token.append(svg("rect", ground), svg("image", image));
    return token;
  }
  const words = isScalar(tensor) || isWritten(tensor) ? valueText(tensor) : shapeText(tensor.shape);
  const width = textWidth(words, 14) + 20;
  token.append(
    svg("rect", { x: -width / 2, y: -HEIGHT / 2, width, height: HEIGHT, rx: HEIGHT / 2 }),
    text("token-text", 0, 5, words, "middle"),
  );
  return token;
}
