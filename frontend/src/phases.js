/** The phases of one step, in the snippet's own order, and where each has its place on a line. */

/** @import {GraphModel, StepModel} from "./model.d.ts" */

/**
 * @typedef {"forward" | "loss" | "backward" | "update" | "zero_grad"} PhaseKind
 *
 * @typedef {object} Phase
 * @property {PhaseKind} kind
 * @property {string} label as the timeline says it
 * @property {number} from its first event
 * @property {number} to after its last
 *
 * @typedef {Phase & {start: number, end: number}} PlacedPhase from 0 at the left to 1 at the right
 */

/** A phase with few events among many still gets this share of the line. */
const LEAST = 0.07;

/**
 * @param {StepModel} step
 * @param {GraphModel} graph
 * @returns {Phase[]} without gaps; the loss is the last part of forward
 */
export function phasesOf(step, graph) {
  const kindOf = kinds(step, graph);
  /** @type {Phase[]} */
  const phases = [];
  step.events.forEach((event, i) => {
    const kind = kindOf(event);
    const last = phases.at(-1);
    if (last?.kind === kind) last.to = i + 1;
    else phases.push({ kind, label: labelOf(kind, step), from: i, to: i + 1 });
  });
  return phases;
}

/**
 * @param {StepModel} step
 * @param {GraphModel} graph
 * @returns {(event: StepModel["events"][number]) => PhaseKind}
 */
function kinds({ lossNode }, graph) {
  const group = lossNode === null ? null : lossGroup(graph, lossNode);
  return ({ phase, node }) => {
    if (phase !== "forward" || node === null || lossNode === null) return phase;
    const inside = group !== null && within(graph, node, group);
    return node === lossNode || inside ? "loss" : "forward";
  };
}

/**
 * @param {GraphModel} graph
 * @param {string} node
 * @returns {string | null} the outermost composite function around it: all of cross_entropy is the loss
 */
function lossGroup({ nodes, groups }, node) {
  let found = null;
  let group = groups.get(nodes.get(node)?.group ?? "");
  while (group?.kind === "function") {
    found = group.id;
    group = groups.get(group.parent ?? "");
  }
  return found;
}

/**
 * @param {GraphModel} graph
 * @param {string} node
 * @param {string} wanted
 */
function within({ nodes, groups }, node, wanted) {
  for (let id = nodes.get(node)?.group ?? null; id !== null; id = groups.get(id)?.parent ?? null) {
    if (id === wanted) return true;
  }
  return false;
}

/**
 * @param {PhaseKind} kind
 * @param {StepModel} step
 */
function labelOf(kind, { updates }) {
  if (kind !== "update") return kind;
  return updates.some(({ optimizer }) => optimizer !== null) ? "step" : "update";
}

/**
 * @param {Phase[]} phases
 * @returns {PlacedPhase[]} each as wide as it has events, but none too narrow to be found
 */
export function placed(phases) {
  const count = phases.at(-1)?.to ?? 0;
  const least = Math.min(LEAST, 1 / Math.max(1, phases.length));
  const shares = phases.map(({ from, to }) => Math.max(least, (to - from) / count));
  const small = shares.reduce((sum, share) => sum + (share === least ? share : 0), 0);
  const large = shares.reduce((sum, share) => sum + (share === least ? 0 : share), 0);
  const scale = large > 0 ? (1 - small) / large : 1;
  let start = 0;
  return phases.map((phase, i) => {
    const share = shares[i] === least ? least : (shares[i] ?? 0) * scale;
    const place = { ...phase, start, end: i === phases.length - 1 ? 1 : start + share };
    start = place.end;
    return place;
  });
}

/**
 * @param {PlacedPhase[]} phases
 * @param {number} at events that are over, with a fraction for the one that is not
 * @returns {number} from 0 to 1
 */
export function placeOf(phases, at) {
  const phase = phases.find(({ to }) => at <= to) ?? phases.at(-1);
  if (!phase) return 0;
  const part = Math.min(1, Math.max(0, (at - phase.from) / (phase.to - phase.from)));
  return phase.start + part * (phase.end - phase.start);
}

/**
 * @param {PlacedPhase[]} phases
 * @param {number} place from 0 to 1
 * @returns {number} the event there
 */
export function eventAt(phases, place) {
  const phase = phases.find(({ end }) => place < end) ?? phases.at(-1);
  if (!phase) return 0;
  const part = (place - phase.start) / (phase.end - phase.start);
  const event = phase.from + Math.floor(part * (phase.to - phase.from));
  return Math.min(phase.to - 1, Math.max(phase.from, event));
}
