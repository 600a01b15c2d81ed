/** Which groups are open when a graph is first seen, and after one is opened or closed. */

/** @import {Hierarchy} from "../model.d.ts" */

/** A first view has at most about so many visible things. */
export const FIRST_VIEW = 40;
/** With fewer there is too little to see, even if it is small. */
const TOO_FEW = 5;
/** More than this is never laid out. */
export const LIMIT = 2000;

/**
 * Level after level, each whole or not at all, so that equal things look equal.
 *
 * @param {Hierarchy} hierarchy
 * @returns {ReadonlySet<string>[]} from all closed to the deepest that still is a first view
 */
export function openings({ containers }) {
  const found = [new Set([""])];
  let level = groupsIn(containers, [""]);
  let visible = containers.get("")?.children.length ?? 0;
  while (level.length > 0) {
    visible += level.reduce((sum, id) => sum + (containers.get(id)?.children.length ?? 0) - 1, 0);
    if (visible > FIRST_VIEW) break;
    found.push(new Set([.../** @type {Set<string>} */ (found.at(-1)), ...level]));
    level = groupsIn(containers, level);
  }
  return found;
}

/**
 * @param {Hierarchy} hierarchy
 * @param {ReadonlySet<string>} before
 * @param {ReadonlySet<string>} after one level more
 * @returns {boolean} opening it is no choice: there was next to nothing to see, or one group that held it all
 */
export function mustOpen(hierarchy, before, after) {
  return after.size - before.size === 1 || visibleCount(hierarchy, before) < TOO_FEW;
}

/**
 * @param {Hierarchy["containers"]} containers
 * @param {string[]} outer
 * @returns {string[]} groups directly inside; folds stay closed until they are asked for
 */
function groupsIn(containers, outer) {
  return outer
    .flatMap((id) => containers.get(id)?.children ?? [])
    .filter((id) => containers.has(id) && containers.get(id)?.kind !== "fold");
}

/**
 * @param {Hierarchy} hierarchy
 * @param {ReadonlySet<string>} open
 * @returns {number} things on the stage
 */
export function visibleCount({ containers }, open) {
  let count = 0;
  const waiting = [""];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    for (const child of containers.get(id)?.children ?? []) {
      if (open.has(child) && containers.has(child)) waiting.push(child);
      else count += 1;
    }
  }
  return count;
}

/**
 * Sets keep the order of insertion, so what was opened longest ago is closed first when there would be too much.
 *
 * @param {Hierarchy} hierarchy
 * @param {ReadonlySet<string>} open
 * @param {string} id
 * @returns {ReadonlySet<string>}
 */
export function toggled(hierarchy, open, id) {
  const next = new Set(open);
  if (next.delete(id)) return next;
  next.add(id);
  for (const old of open) {
    if (visibleCount(hierarchy, next) <= LIMIT) break;
    if (old !== "" && !isAround(hierarchy, old, id)) next.delete(old);
  }
  return next;
}

/**
 * @param {Hierarchy} hierarchy
 * @param {string} outer
 * @param {string} inner
 */
function isAround({ containers }, outer, inner) {
  for (let id = containers.get(inner)?.parent ?? null; id !== null; id = containers.get(id)?.parent ?? null) {
    if (id === outer) return true;
  }
  return false;
}

/**
 * Level after level, each group as long as there is room for what is in it.
 *
 * @param {Hierarchy} hierarchy
 * @param {number} [most] visible things
 * @returns {{open: ReadonlySet<string>, closed: number}} how many groups had to stay closed
 */
export function allOpen({ containers }, most = LIMIT) {
  const open = new Set([""]);
  let visible = containers.get("")?.children.length ?? 0;
  let closed = 0;
  const waiting = [""];
  for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
    for (const child of containers.get(id)?.children ?? []) {
      const inner = containers.get(child);
      if (!inner) continue;
      if (visible + inner.children.length - 1 > most) {
        closed += 1;
        continue;
      }
      visible += inner.children.length - 1;
      open.add(child);
      waiting.push(child);
    }
  }
  return { open, closed };
}

/**
 * @param {Hierarchy} hierarchy
 * @param {string} id of a node or a container
 * @returns {string[]} the containers around it, outermost first; the root is not told
 */
export function around({ containers, home }, id) {
  const path = [];
  let outer = home.get(id) ?? containers.get(id)?.parent ?? null;
  for (; outer !== null && outer !== ""; outer = containers.get(outer)?.parent ?? null) path.unshift(outer);
  return path;
}

/**
 * @param {Hierarchy} hierarchy
 * @param {ReadonlySet<string>} open
 * @param {string} id of a node or a container that shall be seen
 * @returns {ReadonlySet<string>} the same set when it is seen already
 */
export function openedTo(hierarchy, open, id) {
  return around(hierarchy, id).reduce((now, outer) => (now.has(outer) ? now : toggled(hierarchy, now, outer)), open);
}
