/** Shows a moment of a step on what is drawn: marks it, fills in what has come so far, and moves what is on its way. */

/** @import {EdgeDrawn, NodeDrawn} from "./layers.js" */
/** @import {Look, Moment, Score} from "./moment.js" */
/** @import {Stage} from "./stage.js" */
/** @import {Position} from "../player.js" */

import { heatOf, heatSize } from "../tensor.js";
import { drawHeat } from "./heat.js";
import { svg } from "./svg.js";
import { Tokens } from "./tokens.js";
import { updateOf, updateText } from "./update.js";

/** The part of an event in which things are on their way; in the rest its result is there to be read. */
export const ARRIVAL = 0.62;

export class Motion {
  #root;
  #layers;
  #tokens;
  /** @type {Score | null} */
  #score = null;
  /** What is shown: at which moment, on which drawing; null in full. @type {(Moment & {drawing: unknown}) | null} */
  #shown = null;
  /** The words of the full picture, of elements that say something else now. @type {Map<Element, string | null>} */
  #full = new Map();
  /** What was added to the drawing for a moment. @type {Set<Element>} */
  #added = new Set();
  #travelling = -1;

  /** @param {Stage} stage */
  constructor({ root, world, layers }) {
    this.#root = root;
    this.#layers = layers;
    this.#tokens = new Tokens(world, layers);
    layers.watch((id) => this.#filled(id));
  }

  /** What comes into view says what it does at the moment that is shown. @param {string} id */
  #filled(id) {
    const drawn = this.#layers.nodes.get(id);
    if (this.#shown && this.#score && drawn) this.#paintNode(id, drawn, this.#score.look(id, this.#shown));
  }

  /** @param {Score | null} score of what is drawn */
  begin(score) {
    this.#rest();
    this.#score = score;
  }

  /**
   * @param {Position} position
   * @param {boolean} still nothing travels: states switch at once
   */
  show({ at, progress, full }, still) {
    const score = this.#score;
    if (full || !score) {
      this.#rest();
      return;
    }
    const made = still || progress >= ARRIVAL;
    this.#paint(score, { at, made });
    this.#travel(score, at, made || still ? 1 : progress / ARRIVAL);
  }

  /**
   * @param {Score} score
   * @param {Moment} moment
   */
  #paint(score, moment) {
    const before = this.#shown;
    const drawing = this.#layers.nodes;
    if (before?.drawing === drawing && before.at === moment.at && before.made === moment.made) return;
    this.#shown = { ...moment, drawing };
    this.#root.classList.add("moment");
    this.#root.dataset.moment = score.events[moment.at]?.phase ?? "";
    const some = before?.drawing === drawing ? touchedBetween(score, before.at, moment.at) : null;
    for (const item of some?.items ?? this.#layers.nodes.keys()) {
      const drawn = this.#layers.nodes.get(item);
      if (drawn) this.#paintNode(item, drawn, score.look(item, moment));
    }
    for (const segment of some?.segments ?? this.#layers.edges.keys()) {
      const drawn = this.#layers.edges.get(segment);
      if (drawn) this.#paintEdge(drawn, score, moment);
    }
  }

  /**
   * @param {string} item
   * @param {NodeDrawn} drawn
   * @param {Look} look
   */
  #paintNode(item, { element, card }, look) {
    element.classList.toggle("ahead", look.ahead);
    element.classList.toggle("graded", look.graded);
    element.classList.toggle("updated", look.updated);
    if (look.now) element.dataset.now = look.now;
    else delete element.dataset.now;
    if (card.grad) {
      const grad = element.querySelector(":scope > .grad");
      this.#say(grad, look.grad);
      grad?.classList.toggle("none", !look.graded);
    }
    if (card.sum) this.#say(element.querySelector(":scope > .sum"), look.sum);
    if (card.terms) paintTerms(element, look);
    if (card.after) this.#say(element.querySelector(":scope > .after"), look.updated ? card.after : "");
    element.classList.toggle("unfinished", look.inside.phase === "forward" && look.inside.done < look.inside.all);
    if (look.inside.all > 0) this.#paintInside(item, element, look.inside);
  }

  /**
   * @param {string} item
   * @param {SVGGElement} element
   * @param {Look["inside"]} inside
   */
  #paintInside(item, element, { phase, done, all }) {
    const body = element.querySelector(".body");
    const width = Number(body?.getAttribute("width") ?? 0) - 28;
    let bar = element.querySelector(".inside");
    if (!bar) {
      const y = Number(body?.getAttribute("height") ?? 0) - 8;
      const rect = (/** @type {string} */ name) => svg("rect", { class: name, x: 14, y, height: 4, rx: 2, width });
      bar = svg("g", { class: "inside" }, rect("inside-ground"), rect("inside-done"));
      element.append(bar);
      this.#added.add(bar);
    }
    bar.setAttribute("class", `inside ${phase}`);
    bar.querySelector(".inside-done")?.setAttribute("width", String((width * done) / all));
    this.#say(element.querySelector(".count"), `${phase} ${done} of ${all}`);
    element.dataset.inside = `${item} ${done}/${all}`;
  }

  /**
   * @param {EdgeDrawn} drawn
   * @param {Score} score
   * @param {Moment} moment
   */
  #paintEdge({ drawn: { segment }, lines, label, carried }, score, moment) {
    const look = score.lineLook(segment.id, segment.labelled, moment);
    lines.classList.toggle("ahead", look.ahead);
    lines.classList.toggle("unback", !look.back);
    lines.classList.toggle("now", look.now);
    if (!label) return;
    label.classList.toggle("unback", carried.backward ? !look.back : look.ahead);
    label.classList.toggle("now", look.now);
    this.#say(label.querySelector(".label-text"), look.label ?? carried.label);
  }

  /**
   * @param {Element | null} element
   * @param {string} words
   */
  #say(element, words) {
    if (!element || element.textContent === words) return;
    if (!this.#full.has(element)) this.#full.set(element, element.textContent);
    element.textContent = words;
  }

  /**
   * @param {Score} score
   * @param {number} at
   * @param {number} part of the way
   */
  #travel(score, at, part) {
    if (part >= 1) {
      if (this.#travelling >= 0) this.#arrive(score);
      return;
    }
    if (this.#travelling !== at) {
      this.#arrive(score);
      this.#tokens.begin(score, at);
      this.#travelling = at;
    }
    this.#tokens.move(eased(part));
    this.#change(score, at, part);
  }

  /** @param {Score} score */
  #arrive(score) {
    this.#tokens.clear();
    if (this.#travelling >= 0) this.#change(score, this.#travelling, 1);
    this.#travelling = -1;
  }

  /**
   * A parameter goes from before to after; a gradient drains.
   *
   * @param {Score} score
   * @param {number} at
   * @param {number} part
   */
  #change(score, at, part) {
    const event = score.events[at];
    const element = this.#layers.nodes.get(event?.node ?? "")?.element;
    if (!event?.node || !element) return;
    if (event.phase === "zero_grad") this.#drain(element, part);
    if (event.phase === "update") this.#update(event.node, element, score, part);
  }

  /**
   * @param {SVGGElement} element
   * @param {number} part
   */
  #drain(element, part) {
    for (const found of element.querySelectorAll(".grad")) {
      const { style } = /** @type {SVGElement} */ (found);
      if (part >= 1) style.removeProperty("opacity");
      else style.setProperty("opacity", String(1 - 0.9 * part));
    }
  }

  /**
   * @param {string} leaf
   * @param {SVGGElement} element
   * @param {Score} score
   * @param {number} part
   */
  #update(leaf, element, { subject: { step } }, part) {
    if (part < 1) this.#say(element.querySelector(":scope > .after"), updateText(leaf, step, eased(part)));
    const heat = element.querySelector(":scope > .heat.value");
    const after = updateOf(leaf, step)?.after;
    if (!heat || !after) return;
    const blended = heat.querySelector(".blend") ?? this.#blend(heat, after);
    if (blended instanceof SVGElement) blended.style.setProperty("opacity", String(part));
  }

  /**
   * @param {Element} heat
   * @param {import("../model.d.ts").Tensor} after
   */
  #blend(heat, after) {
    const frame = heat.querySelector(".heat-frame");
    const room = { width: Number(frame?.getAttribute("width")), height: Number(frame?.getAttribute("height")) };
    const made = heatOf(after, { room, write: heat.querySelector(".cell") !== null });
    if (!made) return null;
    const { width, height } = heatSize(made);
    if (Math.abs(width - room.width) > 1 || Math.abs(height - room.height) > 1) return null;
    const blend = drawHeat(made, 0, 0, "blend");
    heat.append(blend);
    this.#added.add(blend);
    return blend;
  }

  /** Shows the full picture. */
  #rest() {
    if (!this.#shown) return;
    this.#tokens.clear();
    this.#travelling = -1;
    this.#shown = null;
    this.#root.classList.remove("moment");
    delete this.#root.dataset.moment;
    for (const element of this.#added) element.remove();
    for (const [element, words] of this.#full) element.textContent = words;
    this.#added.clear();
    this.#full.clear();
    for (const { element, card } of this.#layers.nodes.values()) {
      element.classList.remove("ahead", "graded", "updated", "unfinished");
      delete element.dataset.now;
      for (const part of element.querySelectorAll(".addends, .addend")) part.classList.remove("awaited");
      if (card.grad) element.querySelector(":scope > .grad")?.classList.toggle("none", card.grad.endsWith("\u2013"));
      this.#drain(element, 1);
    }
    for (const { lines, label } of this.#layers.edges.values()) {
      for (const element of [lines, label]) element?.classList.remove("ahead", "unback", "now");
    }
  }
}

/**
 * Tensors that meet stand in their slots when they have come.
 *
 * @param {SVGGElement} element
 * @param {Look} look
 */
function paintTerms(element, { there, whole }) {
  const row = element.querySelector(":scope > .addends");
  row?.classList.toggle("awaited", there.size === 0);
  for (const term of row?.querySelectorAll(".addend") ?? []) {
    const { addend: edge } = /** @type {SVGElement} */ (term).dataset;
    term.classList.toggle("awaited", edge ? !there.has(edge) : !whole);
  }
}

/**
 * @param {Score} score
 * @param {number} a
 * @param {number} b
 * @returns {{items: Set<string>, segments: Set<string>} | null} null: so much that all may
 */
function touchedBetween(score, a, b) {
  if (Math.abs(a - b) > 200) return null;
  const items = new Set();
  const segments = new Set();
  for (let i = Math.min(a, b); i <= Math.max(a, b); i += 1) {
    const touched = score.touched(i);
    for (const item of touched.items) items.add(item);
    for (const segment of touched.segments) segments.add(segment);
  }
  return { items, segments };
}

/** @param {number} part @returns {number} begins and ends gently */
function eased(part) {
  return part * part * (3 - 2 * part);
}
