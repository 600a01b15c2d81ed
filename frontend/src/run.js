/** What the page is showing: (state, message) -> state. Pure. */

/** @import {Message, Run, State, StepRecord} from "./model.d.ts" */

/** @type {State["link"]} */
const FINE = { state: "fine", missed: 0 };
/** A run with fewer losses is nothing to compare with. */
const COMPARABLE = 3;

/** @type {State} */
export const START = {
  phase: "idle",
  run: null,
  step: 0,
  live: true,
  link: FINE,
  previous: null,
  selection: null,
  line: null,
  open: new Map(),
  trouble: null,
  health: null,
  stale: false,
};

/**
 * @param {State} state
 * @param {Message} message `toggle` carries no rule of its own: what opening does to the rest is given by `toggle`
 * @param {(open: ReadonlySet<string>, group: string, graph: string) => ReadonlySet<string>} toggle
 * @returns {State} the same object when nothing changed
 */
export function next(state, message, toggle) {
  switch (message.type) {
    case "run":
      return { ...state, phase: "running", live: true, link: FINE, trouble: null };
    case "received":
      return received(state, message.run);
    case "live":
      if (message.live === state.live) return state;
      return message.live ? { ...stepped(state, lastPlace(state.run)), live: true } : { ...state, live: false };
    case "link":
      return { ...state, link: message.link };
    case "stopped":
      return state.phase === "running" ? { ...state, phase: "stopped" } : state;
    case "trouble":
      return { ...state, phase: "trouble", trouble: message.trouble };
    case "health":
      return { ...state, health: message.health };
    case "edited":
      return state.stale ? state : { ...state, stale: true };
    case "select":
      return selected(state, message.selection, message.line ?? null);
    case "toggle": {
      const before = state.open.get(message.graph) ?? new Set();
      const open = new Map(state.open).set(message.graph, toggle(before, message.group, message.graph));
      return { ...state, open };
    }
    case "open":
      return { ...state, open: new Map(state.open).set(message.graph, message.groups) };
    case "step":
      return stepped(state, message.step);
    default:
      return state;
  }
}

/**
 * @param {State} state
 * @param {State["selection"]} selection
 * @param {number | null} line
 * @returns {State}
 */
function selected(state, selection, line) {
  return same(state.selection, selection) && state.line === line ? state : { ...state, selection, line };
}

/**
 * @param {State["selection"]} a
 * @param {State["selection"]} b
 */
function same(a, b) {
  return a === b || (a !== null && b !== null && a.type === b.type && a.id === b.id);
}

/**
 * @param {Run | null} run
 * @returns {number} of the newest step. What a snippet computes after its last loss, such as a number to print, makes a
 *   step too, but nobody wants to be shown that first
 */
function lastPlace(run) {
  const steps = run?.steps ?? [];
  const last = Math.max(steps.length - 1, 0);
  return steps[last]?.loss === null && typeof steps[last - 1]?.loss === "number" ? last - 1 : last;
}

/**
 * @param {StepRecord[]} steps
 * @param {number} index a step's own
 * @returns {number} its place, or that of the last one before it; at least 0
 */
export function placeOf(steps, index) {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((steps[middle]?.index ?? 0) <= index) low = middle + 1;
    else high = middle;
  }
  return Math.max(low - 1, 0);
}

/**
 * @param {Run} run
 * @param {number} index of a step
 * @returns {string} `Step 42 of 100`
 */
export function stepText({ iterations }, index) {
  if (index >= iterations) return `After step ${iterations.toLocaleString("en-US")}`;
  return `Step ${(index + 1).toLocaleString("en-US")} of ${iterations.toLocaleString("en-US")}`;
}

/**
 * @param {Run} run
 * @param {number} index of a step
 * @returns {string} what the variables of the loops around it count: `epoch 3 · batch 2`; "" outside of loops
 */
export function turnText({ curves }, index) {
  const turns = curves.of("loop").flatMap((series) => {
    const number = series.at(index);
    return number === undefined || Number.isNaN(number) ? [] : [`${series.name} ${number}`];
  });
  return turns.join(" \u00b7 ");
}

/**
 * @param {State} state
 * @param {Run} run a new one, or more of the same
 * @returns {State} what was open or selected stays so where the structure is the same
 */
function received(state, run) {
  const before = state.run;
  const fresh = before?.number !== run.number;
  const step = fresh ? firstPlace(state, run) : placeAgain(state, run);
  const alike = run.steps[step]?.graph === before?.steps[state.step]?.graph;
  const sameLines = !fresh || before?.lines.join("\n") === run.lines.join("\n");
  const stays = state.selection?.type === "line" ? sameLines : alike;
  const comparable = fresh && (before?.curves.loss?.length ?? 0) >= COMPARABLE;
  return {
    ...state, run, step,
    phase: run.status === "running" ? "running" : "done",
    stale: fresh ? false : state.stale,
    previous: comparable ? (before?.curves ?? null) : state.previous,
    selection: stays ? state.selection : null,
    line: run.steps[step] === before?.steps[state.step] ? state.line : null,
  };
}

/**
 * @param {State} state
 * @param {Run} run that was not shown before
 * @returns {number} where the page was in the run before, if this one is as long and all there; else the newest step
 */
function firstPlace(state, run) {
  const sameLength = run.status !== "running" && state.run?.steps.length === run.steps.length;
  return sameLength ? state.step : lastPlace(run);
}

/**
 * @param {State} state
 * @param {Run} run
 * @returns {number}
 */
function placeAgain(state, run) {
  const shown = state.run?.steps[state.step];
  if (!shown || (state.live && run.steps.length !== state.run?.steps.length)) return lastPlace(run);
  return placeOf(run.steps, shown.index);
}

/**
 * @param {State} state
 * @param {number} wanted
 * @returns {State} within the steps there are; another structure ends the selection
 */
function stepped(state, wanted) {
  const steps = state.run?.steps ?? [];
  const step = Math.max(0, Math.min(steps.length - 1, wanted));
  if (step === state.step || !steps[step]) return state;
  const stays = state.selection?.type === "line" || steps[step].graph === steps[state.step]?.graph;
  return { ...state, step, live: false, selection: stays ? state.selection : null, line: null };
}
