/** The worker: lays out every container on its own with Graphviz, and remembers equal ones. */

/** @import {LayoutPlan, PlacedContainer, PlannedContainer, Size} from "../model.d.ts" */

import { Graphviz } from "../../vendor/graphviz.js";
import { dotText, placed } from "./dot.js";

const REMEMBERED = 500;
/** Graphviz knows it, the types of its wrapper do not. */
const FORMAT = /** @type {import("@hpcc-js/wasm-graphviz").Format} */ (/** @type {unknown} */ ("json0"));
const engine = Graphviz.load();
/** @type {Map<string, import("./dot.js").DotAnswer>} */
const known = new Map();

self.addEventListener("message", async (/** @type {MessageEvent<{id: number, plan: LayoutPlan}>} */ { data }) => {
  try {
    self.postMessage({ id: data.id, layout: { placed: layOut(await engine, data.plan) } });
  } catch (error) {
    self.postMessage({ id: data.id, error: error instanceof Error ? error.message : String(error) });
  }
});

/**
 * @param {Graphviz} graphviz
 * @param {LayoutPlan} plan bottom up, so that a container's size is known before the one around it is laid out
 * @returns {PlacedContainer[]}
 */
function layOut(graphviz, plan) {
  /** @type {Map<string, PlacedContainer>} */
  const done = new Map();
  for (const container of plan.containers) {
    const sizes = container.items.map((item) => (typeof item === "string" ? /** @type {Size} */ (done.get(item)) : item));
    done.set(container.id, placed(container, sizes, answer(graphviz, container, sizes)));
  }
  return [...done.values()];
}

/**
 * @param {Graphviz} graphviz
 * @param {PlannedContainer} container
 * @param {Size[]} sizes
 * @returns {import("./dot.js").DotAnswer}
 */
function answer(graphviz, container, sizes) {
  const text = dotText(container, sizes);
  const before = known.get(text);
  if (before) return before;
  const made = JSON.parse(graphviz.layout(text, FORMAT, "dot"));
  known.set(text, made);
  if (known.size > REMEMBERED) known.delete(/** @type {string} */ (known.keys().next().value));
  return made;
}
