/** The inspector in the page. */

/** @import {Selection, State} from "../model.d.ts" */
/** @import {Wish} from "../panels/photo.js" */
/** @import {Store} from "./store.js" */

import { fetchValues } from "../download.js";
import { showInspector } from "../panels/inspector.js";
import { Checking } from "./checking.js";
import { part } from "./parts.js";
import { subjectOf } from "./subject.js";

/** @type {() => void} */
let again = () => {};
const checking = new Checking(() => again());

/**
 * @param {State} state
 * @param {(selection: Selection) => void} onSelect
 */
export function inspect(state, onSelect) {
  const subject = subjectOf(state);
  const lines = subject?.run.lines ?? [];
  const code = lines.join("\n");
  const asked = { check: checking.of(code), onCheck: () => void checking.ask(code) };
  showInspector(part("inspector-body"), subject && { ...subject, lines, onSelect, ...asked }, state.selection);
}

/**
 * @param {Store} store
 * @param {(selection: Selection) => void} onSelect
 */
export function wireInspector(store, onSelect) {
  part("inspector-body").addEventListener("want-values", (event) => {
    void giveValues(store.state, /** @type {CustomEvent<Wish>} */ (event).detail);
  });
  again = () => inspect(store.state, onSelect);
  store.watch((state, before) => {
    const moved = state.run !== before.run || state.step !== before.step || state.open !== before.open;
    if (moved || state.selection !== before.selection) inspect(state, onSelect);
  });
}

/**
 * @param {State} state
 * @param {Wish} wish
 */
async function giveValues(state, { role, give }) {
  const subject = subjectOf(state);
  const node = state.selection?.type === "node" ? state.selection.id : null;
  if (!subject || node === null) return give(null);
  const { run, step } = subject;
  return give(await fetchValues(run.lines.join("\n"), { step: step.index, node, role }).catch(() => null));
}
