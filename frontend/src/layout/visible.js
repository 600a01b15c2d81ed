/** Which things and which lines are on the stage when these containers are open. */

/** @import {End, GraphModel, Hierarchy, OpenContainer, Segment, Visible} from "../model.d.ts" */

/** The gradient that backward starts with hangs below the loss, as a thing of its own. */
export const SEED = "seed";

/**
 * @param {GraphModel} graph
 * @param {Hierarchy} hierarchy
 * @param {ReadonlySet<string>} open
 * @param {string | null} lossNode gets the seed
 * @returns {Visible}
 */
export function visibleOf(graph, hierarchy, open, lossNode) {
  const scene = new Scene(hierarchy, open);
  for (const edge of graph.edges.values()) scene.connect(edge.id, edge.source, edge.target);
  if (lossNode !== null && graph.nodes.has(lossNode)) {
    scene.containers.get("")?.items.push(SEED);
    scene.items.push(SEED);
    scene.shownBy.set(SEED, SEED);
    scene.places.set(SEED, [""]);
    scene.connect(SEED, lossNode, SEED);
  }
  const segments = [...scene.segments.values()];
  placeLabels(segments);
  return { open: [...scene.containers.values()].reverse(), segments, shownBy: scene.shownBy, items: scene.items };
}

class Scene {
  /** @type {Map<string, OpenContainer>} outermost first */
  containers = new Map();
  /** @type {Map<string, Segment>} */
  segments = new Map();
  /** @type {Map<string, string>} node -> item */
  shownBy = new Map();
  /** @type {Map<string, string[]>} item -> open containers around it, outermost first */
  places = new Map();
  /** @type {string[]} */
  items = [];
  /** @type {Set<string>} */
  #ports = new Set();

  /**
   * @param {Hierarchy} hierarchy
   * @param {ReadonlySet<string>} open
   */
  constructor(hierarchy, open) {
    this.#walk(hierarchy, open, [""]);
  }

  /**
   * @param {Hierarchy} hierarchy
   * @param {ReadonlySet<string>} open
   * @param {string[]} path
   */
  #walk(hierarchy, open, path) {
    const id = path.at(-1) ?? "";
    const children = hierarchy.containers.get(id)?.children ?? [];
    this.containers.set(id, { id, items: [...children], inPorts: [], outPorts: [] });
    for (const child of children) {
      const isContainer = hierarchy.containers.has(child);
      if (isContainer && open.has(child)) {
        this.#walk(hierarchy, open, [...path, child]);
        continue;
      }
      this.items.push(child);
      this.places.set(child, path);
      if (isContainer) this.#hide(hierarchy, child, child);
      else this.shownBy.set(child, child);
    }
  }

  /**
   * @param {Hierarchy} hierarchy
   * @param {string} id
   * @param {string} item
   */
  #hide(hierarchy, id, item) {
    for (const child of hierarchy.containers.get(id)?.children ?? []) {
      if (hierarchy.containers.has(child)) this.#hide(hierarchy, child, item);
      else this.shownBy.set(child, item);
    }
  }

  /**
   * Adds the lines of one edge: out of the containers around the source, across, into those around the target.
   *
   * @param {string} edge
   * @param {string} sourceNode
   * @param {string} targetNode
   */
  connect(edge, sourceNode, targetNode) {
    const source = this.shownBy.get(sourceNode);
    const target = this.shownBy.get(targetNode);
    if (source === undefined || target === undefined || source === target) return;
    const above = this.places.get(source) ?? [""];
    const below = this.places.get(target) ?? [""];
    let common = 0;
    while (common + 1 < Math.min(above.length, below.length) && above[common + 1] === below[common + 1]) common += 1;
    /** @type {End} */
    let from = { item: source, port: null };
    for (let depth = above.length - 1; depth > common; depth -= 1) {
      const inside = /** @type {string} */ (above[depth]);
      const port = this.#port(inside, "outPorts", source);
      this.#line(edge, inside, from, { item: null, port });
      from = { item: inside, port };
    }
    for (let depth = common; depth < below.length - 1; depth += 1) {
      const next = /** @type {string} */ (below[depth + 1]);
      const port = this.#port(next, "inPorts", source);
      this.#line(edge, /** @type {string} */ (below[depth]), from, { item: next, port });
      from = { item: null, port };
    }
    this.#line(edge, /** @type {string} */ (below.at(-1)), from, { item: target, port: null });
  }

  /**
   * @param {string} container
   * @param {"inPorts" | "outPorts"} side
   * @param {string} source
   * @returns {string}
   */
  #port(container, side, source) {
    const port = `${side === "inPorts" ? "in" : "out"}|${container}|${source}`;
    if (!this.#ports.has(port)) {
      this.#ports.add(port);
      this.containers.get(container)?.[side].push(port);
    }
    return port;
  }

  /**
   * @param {string} edge
   * @param {string} container
   * @param {End} from
   * @param {End} to
   */
  #line(edge, container, from, to) {
    const id = [container, from.item ?? "", from.port ?? "", to.item ?? "", to.port ?? ""].join(">");
    const known = this.segments.get(id);
    if (known) known.edges.push(edge);
    else this.segments.set(id, { id, container, from, to, edges: [edge], labelled: [] });
  }
}

/**
 * An edge's label stands on the line that is its own; where it has none, on the first that it shares.
 *
 * @param {Segment[]} segments
 */
function placeLabels(segments) {
  /** @type {Map<string, Segment[]>} */
  const paths = new Map();
  for (const segment of segments) {
    for (const edge of segment.edges) {
      const path = paths.get(edge);
      if (path) path.push(segment);
      else paths.set(edge, [segment]);
    }
  }
  for (const [edge, path] of paths) {
    const across = path.findIndex((segment) => segment.from.item !== null && segment.to.item !== null);
    const preferred = across > 0 ? [.../** @type {Segment[]} */ (path.slice(across)), ...path.slice(0, across)] : path;
    const own = preferred.find((segment) => segment.edges.length === 1) ?? preferred[0];
    own?.labelled.push(edge);
  }
}
