/** Lays out every container on its own with Graphviz, and remembers equal ones: 48 equal blocks cost one. */

/** @import {LayoutPlan, PlacedContainer, PlannedContainer, Size} from "../model.d.ts" */
/** @import {DotAnswer} from "./dot.js" */

import { dotText, placed } from "./dot.js";

const REMEMBERED = 500;
/** Graphviz knows it, the types of its wrapper do not. */
const FORMAT = /** @type {import("@hpcc-js/wasm-graphviz").Format} */ (/** @type {unknown} */ ("json0"));

/** @typedef {import("@hpcc-js/wasm-graphviz").Graphviz} Graphviz */

/**
 * @param {Graphviz} graphviz
 * @param {LayoutPlan} plan bottom up, so that a container's size is known before the one around it is laid out
 * @param {Map<string, DotAnswer>} known by structure; grows, and forgets what is oldest
 * @returns {PlacedContainer[]}
 */
export function layOut(graphviz, plan, known) {
  /** @type {Map<string, PlacedContainer>} */
  const done = new Map();
  for (const container of plan.containers) {
    const sizes = container.items.map((item) => (typeof item === "string" ? /** @type {Size} */ (done.get(item)) : item));
    done.set(container.id, placed(container, sizes, answer(graphviz, container, sizes, known)));
  }
  return [...done.values()];
}

/**
 * @param {Graphviz} graphviz
 * @param {PlannedContainer} container
 * @param {Size[]} sizes
 * @param {Map<string, DotAnswer>} known
 * @returns {DotAnswer}
 */
function answer(graphviz, container, sizes, known) {
  const text = dotText(container, sizes);
  const before = known.get(text);
  if (before) return before;
  const made = JSON.parse(graphviz.layout(text, FORMAT, "dot"));
  known.set(text, made);
  if (known.size > REMEMBERED) known.delete(/** @type {string} */ (known.keys().next().value));
  return made;
}
