/** What is out of sight is not displayed, and what is in sight is drawn in full. */

/** @import {Box} from "../model.d.ts" */
/** @import {Layers} from "./layers.js" */

import { around } from "./transition.js";

/** From this many things on, those out of sight are not displayed. */
const CROWDED = 150;

/**
 * @typedef {object} Place
 * @property {SVGElement} element
 * @property {Box} box
 * @property {boolean} seen
 * @property {(() => void) | null} fill draws what is in it; null once that is done
 * @property {boolean} far also where nothing can be read
 */

export class Culling {
  /** @type {Place[]} */
  #places = [];

  /** @param {Layers} layers after they were drawn */
  begin(layers) {
    const nodes = [...layers.nodes].map(([id, { element, box }]) => ({
      ...place(element, box), fill: () => layers.fillNode(id), far: false,
    }));
    const edges = [...layers.edges].flatMap(([id, { lines, label, drawn }]) => {
      const own = [lines, label].filter((element) => element !== null);
      const box = around(drawn.points);
      return own.map((element) => ({ ...place(element, box), fill: () => layers.fillEdge(id), far: true }));
    });
    this.#places = [...nodes, ...edges];
  }

  clear() {
    this.#places = [];
  }

  /**
   * @param {(box: Box) => boolean} inSight
   * @param {boolean} near something can be read
   */
  update(inSight, near) {
    const all = this.#places.length < CROWDED;
    for (const one of this.#places) {
      const seen = all || inSight(one.box);
      if (seen !== one.seen) one.element.classList.toggle("unseen", !seen);
      one.seen = seen;
    }
    // Only now: to paint asks for colours, and so for the style of all that is displayed.
    for (const one of this.#places) {
      if (!one.seen || !one.fill || !(near || one.far)) continue;
      one.fill();
      one.fill = null;
    }
  }
}

/**
 * @param {SVGElement} element
 * @param {Box} box
 */
function place(element, box) {
  return { element, box, seen: !element.classList.contains("unseen") };
}
