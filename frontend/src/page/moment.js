/** From an event to what is chosen on the page, and back. Pure. */

/** @import {GraphModel, Selection, StepModel} from "../model.d.ts" */

/**
 * @param {StepModel} step
 * @param {number} at
 * @returns {{selection: Selection | null, line: number | null}} line: the code of it, where that is not the node's own
 */
export function selectionAt({ events }, at) {
  const event = events[at];
  if (event?.edge) return { selection: { type: "edge", id: event.edge }, line: null };
  if (!event?.node) return { selection: null, line: null };
  const own = event.phase === "forward" || event.phase === "backward";
  return { selection: { type: "node", id: event.node }, line: own ? null : event.line };
}

/**
 * @param {Selection} selection
 * @param {{graph: GraphModel, step: StepModel}} subject
 * @param {number} at where the playhead is: of several events the one in the same phase is meant
 * @returns {number} -1 where nothing happens at it
 */
export function eventOf(selection, { graph, step }, at) {
  const found = step.events.flatMap((event, i) => (isAbout(event, selection, graph) ? [i] : []));
  const phase = step.events[at]?.phase;
  return found.find((i) => step.events[i]?.phase === phase) ?? found[0] ?? -1;
}

/**
 * @param {StepModel["events"][number]} event
 * @param {Selection} selection
 * @param {GraphModel} graph
 */
function isAbout({ node, edge, line, phase }, { type, id }, graph) {
  if (type === "node") return node === id;
  if (type === "edge" || type === "edges") return edge !== null && id.split(" ").includes(edge);
  if (type !== "line") return false;
  return phase === "forward" ? graph.nodes.get(node ?? "")?.line === Number(id) || line === Number(id) : line === Number(id);
}

/**
 * @param {{graph: GraphModel, step: StepModel}} subject
 * @param {number} reached so many events are over
 * @returns {(line: number, role: "value" | "grad") => boolean} what the line gave is not there yet
 */
export function aheadOf({ graph, step }, reached) {
  const ahead = new Set();
  for (const { phase, node, line } of step.events.slice(reached)) {
    if (phase === "forward") ahead.add(`value ${graph.nodes.get(node ?? "")?.line}`);
    if (phase === "update") ahead.add(`value ${line}`);
    if (phase === "backward" && graph.nodes.get(node ?? "")?.kind === "leaf") ahead.add(`grad ${line}`);
  }
  return (line, role) => ahead.has(`${role} ${line}`);
}
