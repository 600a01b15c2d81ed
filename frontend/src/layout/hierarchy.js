/** Graph -> the tree of its groups, with runs folded where too many things stand side by side. */

/** @import {Container, GraphModel, Hierarchy} from "../model.d.ts" */

import { countText } from "../number.js";

/** More children than this are folded, except this many at either end. */
export const CROWD = 48;
const KEPT = 8;
/** The same where groups stand between. */
const KEPT_BESIDE = 2;
/** A fold that is opened shows about so many things. */
const SPREAD = 20;
/** From so many constants on, those beside groups are folded into one: they are not what a learner came to see. */
const CONSTANTS = 10;
const INPUTS = 4;

/**
 * @param {GraphModel} graph
 * @returns {Hierarchy}
 */
export function hierarchyOf(graph) {
  const containers = groupTree(graph);
  flatten(containers);
  foldConstants(containers, graph);
  foldCrowds(containers);
  const home = new Map();
  for (const container of containers.values()) {
    for (const child of container.children) {
      const inner = containers.get(child);
      if (inner) inner.parent = container.id;
      else home.set(child, container.id);
    }
  }
  measure(containers, "", 0);
  return { containers, home };
}

/**
 * @param {string} id
 * @param {Container["kind"]} kind
 * @param {Partial<Container>} [rest]
 * @returns {Container}
 */
function make(id, kind, rest = {}) {
  return { id, kind, label: "", detail: "", parent: null, depth: 0, line: null, children: [], size: 0, ...rest };
}

/**
 * Groups in order of their first node; groups without nodes do not appear.
 *
 * @param {GraphModel} graph
 * @returns {Map<string, Container>}
 */
function groupTree(graph) {
  const containers = new Map([["", make("", "root")]]);
  /** @param {string | null} id @returns {Container} */
  const enter = (id) => {
    const group = id ? graph.groups.get(id) : undefined;
    const known = containers.get(group ? group.id : "");
    if (known) return known;
    const made = make(/** @type {string} */ (id), group?.kind ?? "function", {
      label: group?.label ?? "",
      detail: group?.type ?? "",
      line: group?.line ?? null,
    });
    containers.set(made.id, made);
    enter(group?.parent ?? null).children.push(made.id);
    return made;
  };
  for (const node of graph.nodes.values()) enter(node.group ?? null).children.push(node.id);
  return containers;
}

/**
 * A frame around a single thing says nothing that the thing does not: its content takes its place.
 *
 * @param {Map<string, Container>} containers
 */
function flatten(containers) {
  /** @param {Container} outer */
  const visit = (outer) => {
    outer.children = outer.children.map((child) => {
      const inner = containers.get(child);
      if (!inner) return child;
      visit(inner);
      const [only = ""] = inner.children;
      const lone = inner.children.length === 1 && (inner.kind === "function" || !containers.has(only));
      if (!lone) return child;
      containers.delete(child);
      return only;
    });
  };
  visit(/** @type {Container} */ (containers.get("")));
}

/**
 * Masks, positions and the like, which no gradient reaches, beside the groups that use them.
 *
 * @param {Map<string, Container>} containers
 * @param {GraphModel} graph
 */
function foldConstants(containers, graph) {
  const constant = constants(graph);
  const inside = (/** @type {string} */ child) => nodesOf(containers, child);
  for (const outer of [...containers.values()]) {
    if (!outer.children.some((child) => containers.has(child))) continue;
    const candidates = outer.children.filter((child) => inside(child).every((id) => constant.has(id)));
    const own = selfMade(candidates, inside, graph);
    if (own.length < CONSTANTS) continue;
    const id = makeFold(containers, outer.id, own);
    /** @type {Container} */ (containers.get(id)).label = `${own.flatMap(inside).length} without gradient`;
    const rest = new Set(own.slice(1));
    outer.children = outer.children.filter((child) => !rest.has(child)).map((child) => (child === own[0] ? id : child));
  }
}

/**
 * @param {GraphModel} graph nodes in order, so that a node comes after what it uses
 * @returns {Set<string>} what is computed from nothing that learns
 */
function constants(graph) {
  const found = new Set();
  for (const { id, kind, requires_grad: learns } of graph.nodes.values()) {
    const fixed = (kind === "data" || kind === "op") && !learns;
    if (fixed && graph.into.get(id)?.every(({ source }) => found.has(source))) found.add(id);
  }
  return found;
}

/**
 * Those that need nothing but each other, so that no line goes into them. A few data that others use are inputs, and
 * stay.
 *
 * @param {string[]} candidates
 * @param {(child: string) => string[]} inside
 * @param {GraphModel} graph
 * @returns {string[]}
 */
function selfMade(candidates, inside, graph) {
  const all = new Set(candidates.flatMap(inside));
  const goesOut = (/** @type {string} */ id) => graph.outOf.get(id)?.some(({ target }) => !all.has(target));
  const inputs = candidates.filter((id) => graph.nodes.get(id)?.kind === "data" && goesOut(id));
  if (inputs.length <= INPUTS) for (const id of inputs) all.delete(id);
  return candidates.filter((child) => {
    const fed = (/** @type {string} */ id) => graph.into.get(id)?.every(({ source }) => all.has(source));
    const whole = inside(child).every((id) => all.has(id) && fed(id));
    if (!whole) for (const id of inside(child)) all.delete(id);
    return whole;
  });
}

/**
 * @param {Map<string, Container>} containers
 * @param {string} child
 * @returns {string[]} the node itself, or the nodes inside the group
 */
function nodesOf(containers, child) {
  return containers.get(child)?.children.flatMap((inner) => nodesOf(containers, inner)) ?? [child];
}

/**
 * Groups stay in sight where they are few; the single things between them are folded, run by run.
 *
 * @param {Map<string, Container>} containers
 */
function foldCrowds(containers) {
  for (const outer of [...containers.values()]) {
    if (outer.children.length <= CROWD) continue;
    const groups = outer.children.filter((child) => containers.has(child));
    const stays = new Set(groups.length <= CROWD / 2 ? groups : []);
    const kept = stays.size > 0 ? KEPT_BESIDE : KEPT;
    outer.children = runsOf(outer.children, stays).flatMap((run) => {
      if (run.length <= 2 * kept + 2) return run;
      const fold = makeFold(containers, outer.id, run.slice(kept, -kept));
      return [...run.slice(0, kept), fold, ...run.slice(-kept)];
    });
  }
}

/**
 * @param {string[]} children
 * @param {Set<string>} stays
 * @returns {string[][]} unbroken runs of what does not stay, and each that stays alone
 */
function runsOf(children, stays) {
  /** @type {string[][]} */
  const runs = [];
  for (const [i, child] of children.entries()) {
    const apart = i === 0 || stays.has(child) || stays.has(children[i - 1] ?? "");
    if (apart) runs.push([child]);
    else runs.at(-1)?.push(child);
  }
  return runs;
}

/**
 * @param {Map<string, Container>} containers
 * @param {string} owner
 * @param {string[]} children
 * @returns {string} the fold's id
 */
function makeFold(containers, owner, children) {
  const id = `fold:${owner}:${children[0]}:${children.length}`;
  const fold = make(id, "fold");
  containers.set(id, fold);
  if (children.length <= CROWD) {
    fold.children = children;
    return id;
  }
  let size = SPREAD;
  while (children.length / size > SPREAD) size *= SPREAD;
  for (let start = 0; start < children.length; start += size) {
    const part = children.slice(start, start + size);
    if (part.length === 1) fold.children.push(.../** @type {[string]} */ (part));
    else fold.children.push(makeFold(containers, owner, part));
  }
  return id;
}

/**
 * @param {Map<string, Container>} containers
 * @param {string} id
 * @param {number} depth
 * @returns {number} nodes inside
 */
function measure(containers, id, depth) {
  const own = /** @type {Container} */ (containers.get(id));
  own.depth = depth;
  own.size = own.children.reduce(
    (sum, child) => sum + (containers.has(child) ? measure(containers, child, depth + 1) : 1),
    0,
  );
  if (own.kind === "fold" && own.label === "") own.label = `${countText(own.size, "more op")}`;
  return own.size;
}

/**
 * @param {Container} container
 * @param {Hierarchy} hierarchy
 * @returns {string[]} ids of the nodes inside, at any depth
 */
export function nodesInside(container, { containers }) {
  return container.children.flatMap((child) => nodesOf(containers, child));
}
