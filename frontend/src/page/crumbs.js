/** Which groups are around what the stage is about: each a button that brings its group into view. */

/** @import {Hierarchy} from "../model.d.ts" */

import { around } from "../layout/opening.js";
import { part } from "./parts.js";

/**
 * @param {Hierarchy | null} hierarchy
 * @param {string | null} focus a node or a group; null for nothing in particular
 * @param {(group: string) => void} onGo "" for the whole graph
 */
export function showCrumbs(hierarchy, focus, onGo) {
  const host = part("crumbs");
  const path = hierarchy && focus !== null ? around(hierarchy, focus) : [];
  if (hierarchy?.containers.has(focus ?? "") && focus) path.push(focus);
  host.hidden = path.length === 0;
  if (!hierarchy || host.hidden) return;
  const list = document.createElement("ol");
  for (const id of ["", ...path]) {
    const container = hierarchy.containers.get(id);
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = id === "" ? "graph" : container?.label || container?.detail || "group";
    if (id === path.at(-1)) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => onGo(id));
    const item = document.createElement("li");
    item.append(button);
    list.append(item);
  }
  host.replaceChildren(list);
}
