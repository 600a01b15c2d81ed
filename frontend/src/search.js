/** Finds nodes and groups by name, op, shape or line. Pure. */

/** @import {GraphModel, GraphNode, Hierarchy, StepModel} from "./model.d.ts" */

import { countText } from "./number.js";
import { nodeTitle } from "./stage/card.js";
import { shapeText } from "./tensor.js";

/**
 * @typedef {object} Found
 * @property {string} id of a node or a group
 * @property {"node" | "group"} kind
 * @property {string} title
 * @property {string} detail
 * @property {number} rank the smaller, the better
 *
 * @typedef {{graph: GraphModel, hierarchy: Hierarchy, step: StepModel}} Searched
 */

const LINE = /^(?:line\s*|:)(\d+)$/i;
/** `[2, 3]`, `2x3`, `2×3`, `[2, *]`. */
const SHAPE = /^\[?\s*(\d+|\*)(?:\s*[,x\u00d7]\s*(\d+|\*))*\s*,?\s*\]?$/i;

/**
 * @param {string} query
 * @param {Searched} searched
 * @returns {Found[]} the best first; all of them
 */
export function search(query, searched) {
  const wanted = query.trim();
  if (wanted === "") return [];
  const line = LINE.exec(wanted)?.[1];
  const found = line === undefined ? matching(wanted, searched) : onLine(Number(line), searched);
  return found.sort((a, b) => a.rank - b.rank);
}

/**
 * @param {number} line
 * @param {Searched} searched
 * @returns {Found[]}
 */
function onLine(line, searched) {
  const { graph } = searched;
  return [...graph.nodes.values()].filter((node) => node.line === line).map((node) => tell(node, searched, 0));
}

/**
 * @param {string} wanted
 * @param {Searched} searched
 * @returns {Found[]}
 */
function matching(wanted, searched) {
  const { graph, hierarchy, step } = searched;
  const dims = SHAPE.test(wanted) ? wanted.match(/\d+|\*/g) : null;
  const text = wanted.toLowerCase();
  const nodes = [...graph.nodes.values()].flatMap((node) => {
    const rank = dims && hasShape(node, dims, step) ? 1 : rankOf(text, [...node.names, node.op, node.grad_fn ?? ""]);
    return rank === null ? [] : [tell(node, searched, rank)];
  });
  const groups = [...hierarchy.containers.values()].flatMap((group) => {
    if (group.kind === "root" || group.kind === "fold") return [];
    const rank = rankOf(text, [group.label, group.detail]);
    if (rank === null) return [];
    const kind = group.detail && group.detail !== group.label ? group.detail : group.kind;
    const detail = [kind, countText(group.size, "node"), whereText(group.parent, hierarchy)].filter(Boolean).join(" \u00b7 ");
    return [{ id: group.id, kind: /** @type {const} */ ("group"), title: group.label || group.detail, detail, rank: rank - 0.5 }];
  });
  return [...groups, ...nodes];
}

/**
 * @param {string} text in lower case
 * @param {string[]} words
 * @returns {number | null} 0 for the whole word, 2 for its beginning, 4 for a part of it
 */
function rankOf(text, words) {
  let best = null;
  for (const word of words) {
    const lower = word.toLowerCase();
    const place = lower === text ? 0 : lower.startsWith(text) ? 2 : lower.includes(text) ? 4 : null;
    if (place !== null && (best === null || place < best)) best = place;
  }
  return best;
}

/**
 * @param {GraphNode} node
 * @param {string[]} dims
 * @param {StepModel} step
 */
function hasShape(node, dims, step) {
  const shape = step.values.get(node.id)?.shape;
  return shape?.length === dims.length && shape.every((size, i) => dims[i] === "*" || String(size) === dims[i]);
}

/**
 * @param {string | null} inmost group around it
 * @param {Hierarchy} hierarchy
 * @returns {string} `blocks.3 › attn`: the groups around it, at most the two inmost
 */
function whereText(inmost, { containers }) {
  const labels = [];
  for (let id = inmost; id !== null && labels.length < 2; id = containers.get(id)?.parent ?? null) {
    const { kind = "root", label = "" } = containers.get(id) ?? {};
    if (kind !== "root" && kind !== "fold" && label) labels.unshift(label);
  }
  return labels.join(" \u203a ");
}

/**
 * @param {GraphNode} node
 * @param {Searched} searched
 * @param {number} rank
 * @returns {Found}
 */
function tell(node, { step, hierarchy }, rank) {
  const value = step.values.get(node.id);
  const parts = [node.names.length ? node.op : (node.grad_fn ?? node.kind), value ? shapeText(value.shape) : ""];
  if (node.line !== null) parts.push(`line ${node.line}`);
  parts.push(whereText(hierarchy.home.get(node.id) ?? null, hierarchy));
  return { id: node.id, kind: "node", title: nodeTitle(node), detail: parts.filter(Boolean).join(" \u00b7 "), rank };
}
