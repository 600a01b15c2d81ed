/** The leaves of a step: what it learns. Pure. */

/** @import {GraphNode} from "./model.d.ts" */

/**
 * @param {Iterable<GraphNode>} nodes of one graph
 * @returns {GraphNode[]} the leaves, without those that an evaluation behind the update reads once more
 */
export function leavesOf(nodes) {
  return [...nodes].filter(({ kind, op }) => kind === "leaf" && op !== "updated");
}
