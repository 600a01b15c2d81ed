/** What the page is showing: (state, message) -> state. Pure. */

/** @import {Message, Run, State} from "./model.d.ts" */

/** @type {State} */
export const START = {
  phase: "idle",
  run: null,
  step: 0,
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
      return { ...state, phase: "running", trouble: null };
    case "answer":
      return answered(state, message.run);
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
 * @param {State} state
 * @param {Run} run
 * @returns {State} what was open or selected stays so where the structure is the same
 */
function answered(state, run) {
  const last = Math.max(run.steps.length - 1, 0);
  const step = state.run?.steps.length === run.steps.length ? state.step : last;
  const alike = run.steps[step]?.graph === state.run?.steps[state.step]?.graph;
  const stays = state.selection?.type === "line" || alike;
  return {
    ...state, phase: "done", run, step, trouble: null, stale: false,
    selection: stays ? state.selection : null, line: null,
  };
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
  return { ...state, step, selection: stays ? state.selection : null, line: null };
}
