/** Lays out every container on its own with Graphviz, and remembers equal ones: 48 equal blocks cost one. */

/** @import {LayoutPlan, PlacedContainer, PlannedContainer, Size} from "../model.d.ts" */

import { dotText, placed } from "./dot.js";

const REMEMBERED = 500;
/** Graphviz knows it, the types of its wrapper do not. */
const FORMAT = /** @type {import("@hpcc-js/wasm-graphviz").Format} */ (/** @type {unknown} */ ("json0"));

/** @typedef {import("@hpcc-js/wasm-graphviz").Graphviz} Graphviz */

/**
 * @param {Graphviz} graphviz
 * @param {LayoutPlan} plan bottom up, so that a container's size is known before the one around it is laid out
 * @param {Map<string, PlacedContainer>} known by structure; grows, and forgets what is oldest
 * @returns {PlacedContainer[]}
 */
export function layOut(graphviz, plan, known) {
  /** @type {Map<string, PlacedContainer>} */
  const done = new Map();
  for (const container of plan.containers) {
    const sizes = container.items.map((item) => (typeof item === "string" ? /** @type {Size} */ (done.get(item)) : item));
    done.set(container.id, { ...place(graphviz, container, sizes, known), id: container.id });
  }
  return [...done.values()];
}

/**
 * @param {Graphviz} graphviz
 * @param {PlannedContainer} container
 * @param {Size[]} sizes
 * @param {Map<string, PlacedContainer>} known
 * @returns {PlacedContainer} under the name of the first that was like it
 */
function place(graphviz, container, sizes, known) {
  const text = dotText(container, sizes);
  const { id, header, edges } = container;
  const key = [text, id === "" ? "" : `${header.width} ${header.height}`, edges.map(({ rail }) => rail ?? "").join()].join("\n");
  const before = known.get(key);
  if (before) return before;
  const made = placed(container, sizes, JSON.parse(graphviz.layout(text, FORMAT, "dot")));
  known.set(key, made);
  if (known.size > REMEMBERED) known.delete(/** @type {string} */ (known.keys().next().value));
  return made;
}

/**
 * The browser compiles what runs for the first time: before the first picture rather than while it is waited for.
 *
 * @param {Graphviz} graphviz
 * @returns {Graphviz}
 */
export function warmed(graphviz) {
  const size = { width: 120, height: 60 };
  const edges = [[0, 1], [0, 2], [1, 3], [2, 3], [0, 3], [4, 1], [3, 5]].map(([from = 0, to = 0], i) => ({
    from, to, label: i % 2 ? size : null, main: i < 3, rail: null,
  }));
  const items = [size, size, size, size];
  layOut(graphviz, { containers: [{ id: "warm", items, inPorts: 1, outPorts: 1, edges, first: [], header: size }] }, new Map());
  return graphviz;
}
