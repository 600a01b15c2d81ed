/** The inspector in the page. */

/** @import {Selection, State} from "../model.d.ts" */
/** @import {Store} from "./store.js" */

import { showInspector } from "../panels/inspector.js";
import { part } from "./parts.js";
import { subjectOf } from "./subject.js";

/**
 * @param {State} state
 * @param {(selection: Selection) => void} onSelect
 */
export function inspect(state, onSelect) {
  const subject = subjectOf(state);
  const lines = subject?.run.lines ?? [];
  showInspector(part("inspector-body"), subject && { ...subject, lines, onSelect }, state.selection);
}

/**
 * @param {Store} store
 * @param {(selection: Selection) => void} onSelect
 */
export function wireInspector(store, onSelect) {
  store.watch((state, before) => {
    const moved = state.run !== before.run || state.step !== before.step || state.open !== before.open;
    if (moved || state.selection !== before.selection) inspect(state, onSelect);
  });
}
