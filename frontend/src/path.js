/** The way from one node to the loss, and so the way on which its gradient came back. Pure. */

/** @import {GraphModel} from "./model.d.ts" */

/**
 * @param {GraphModel} graph
 * @param {string} from
 * @param {string} loss
 * @returns {{nodes: Set<string>, edges: Set<string>}} all that lies on a way between them; empty where there is none
 */
export function pathBetween(graph, from, loss) {
  const after = reached(from, (id) => (graph.outOf.get(id) ?? []).map((edge) => edge.target));
  const before = reached(loss, (id) => (graph.into.get(id) ?? []).map((edge) => edge.source));
  const nodes = new Set([...after].filter((id) => before.has(id)));
  const edges = new Set();
  for (const id of nodes) {
    for (const edge of graph.outOf.get(id) ?? []) if (nodes.has(edge.target)) edges.add(edge.id);
  }
  return { nodes, edges };
}

/**
 * @param {string} start
 * @param {(id: string) => string[]} next
 * @returns {Set<string>}
 */
function reached(start, next) {
  const seen = new Set([start]);
  const waiting = [start];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    for (const other of next(id)) {
      if (seen.has(other)) continue;
      seen.add(other);
      waiting.push(other);
    }
  }
  return seen;
}
