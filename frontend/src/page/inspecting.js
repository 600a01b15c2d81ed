/** The inspector in the page. */

/** @import {Selection, State} from "../model.d.ts" */
/** @import {Wish} from "../panels/photo.js" */
/** @import {Reached} from "../sofar.js" */
/** @import {Playing} from "./playing.js" */
/** @import {Store} from "./store.js" */

import { fetchValues } from "../download.js";
import { showInspector } from "../panels/inspector.js";
import { soFar } from "../sofar.js";
import { Checking } from "./checking.js";
import { part } from "./parts.js";
import { subjectOf } from "./subject.js";

/** While it plays, what is shown is brought up to the moment no more often than this, in milliseconds. */
const SELDOM = 150;

/** @type {() => void} */
let again = () => {};
/** How far the step has come. @type {Reached | null} */
let reached = null;
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
  const whole = subject && reached ? subject.step : null;
  const step = subject && (reached ? soFar(subject.step, reached) : subject.step);
  const shown = subject && step && { ...subject, step, whole, lines, onSelect, ...asked };
  showInspector(part("inspector-body"), shown, state.selection);
}

/** @param {Playing} playing what it has reached is all that is shown */
export function wireMoment(playing) {
  let last = 0;
  let timer = 0;
  const show = () => {
    timer = 0;
    last = performance.now();
    reached = playing.reached;
    again();
  };
  playing.watch(() => {
    if (timer !== 0 || playing.reached?.events === reached?.events) return;
    const wait = SELDOM - (performance.now() - last);
    if (wait > 0) timer = window.setTimeout(show, wait);
    else show();
  });
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
