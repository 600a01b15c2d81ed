/** Each event in words, as a teacher would say it: what went in, what happened, what came out. */

/** @import {GraphModel, GraphNode, StepModel, Tensor} from "./model.d.ts" */

import { along, arrived } from "./narration/backward.js";
import { forward } from "./narration/forward.js";
import { cleared, updated } from "./narration/update.js";
import { countText, numberText } from "./number.js";
import { nodeTitle } from "./stage/card.js";
import { lossName } from "./stage/contribution.js";

/**
 * @typedef {object} Told what the events are about
 * @property {GraphModel} graph
 * @property {StepModel} step
 * @property {string[]} lines of the snippet
 * @property {ReadonlyMap<string, Tensor>} leftover leaf -> the .grad that it had when the step began
 */

/**
 * @param {number} at the event; as many as there are: the end of the step
 * @param {Told} told
 * @returns {string} one sentence
 */
export function narrate(at, told) {
  const event = told.step.events[at];
  if (!event) return whole(told);
  const node = event.node === null ? undefined : told.graph.nodes.get(event.node);
  const edge = event.edge === null ? undefined : told.graph.edges.get(event.edge);
  if (event.phase === "forward" && node) return forward(node, event.line, told);
  if (event.phase === "backward" && edge) return along(edge, at, told);
  if (event.phase === "backward" && node) return arrived(node, told);
  if (event.phase === "update" && node) return updated(node, told);
  if (event.phase === "zero_grad" && node) return cleared(node, at, told);
  return event.phase;
}

/** @param {Told} told */
function whole({ graph, step }) {
  const parts = [`${countText(step.values.size, "value")} forward`];
  if (step.edgeGrads.size > 0) parts.push(`${countText(step.edgeGrads.size, "gradient")} back`);
  if (step.updates.length > 0) parts.push(countText(step.updates.length, "update"));
  const loss = step.loss === null ? "" : `${lossName(graph, step)} = ${numberText(step.loss)}: `;
  return `The whole step. ${loss}${parts.join(", ")}.`;
}

/**
 * @param {number} at
 * @param {Told} told
 * @returns {string} `backward · 3 of 9 · MulBackward0`
 */
export function positionText(at, { graph, step }) {
  const event = step.events[at];
  if (!event) return step.events.length === 0 ? "nothing to play" : `the whole step · ${countText(step.events.length, "event")}`;
  const count = step.events.filter(({ phase }) => phase === event.phase).length;
  const edge = event.edge === null ? undefined : graph.edges.get(event.edge);
  const node = graph.nodes.get(edge?.target ?? event.node ?? "");
  const place = step.events.slice(0, at + 1).filter(({ phase }) => phase === event.phase).length;
  const subject = node ? ` · ${subjectText(node, event.phase)}` : "";
  return `${event.phase} · ${place.toLocaleString("en-US")} of ${count.toLocaleString("en-US")}${subject}`;
}

/**
 * @param {GraphNode} node
 * @param {"forward" | "backward" | "update" | "zero_grad"} phase
 */
function subjectText(node, phase) {
  if (phase === "forward") return node.names.at(-1) ? `${node.op} → ${nodeTitle(node)}` : node.op;
  if (phase !== "backward") return `${nodeTitle(node)}${phase === "zero_grad" ? ".grad" : ""}`;
  return node.kind === "leaf" ? `AccumulateGrad → ${nodeTitle(node)}` : (node.grad_fn ?? node.op);
}
