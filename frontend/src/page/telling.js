/** What the page says in words: output and summary, and to a screen reader how the run goes. */

/** @import {Problem, State} from "../model.d.ts" */
/** @import {Actions} from "../panels/output.js" */
/** @import {Store} from "./store.js" */

import { askHealth } from "../connection.js";
import { showOutput, summary } from "../panels/output.js";
import { part } from "./parts.js";
import { subjectOf } from "./subject.js";

/**
 * @param {Store} store
 * @param {Actions} actions
 */
export function tellOutput(store, actions) {
  store.watch((state, before) => {
    document.body.dataset.phase = state.phase;
    // What is shown is that of the run before, until the first step of this one comes.
    part("main").classList.toggle("awaiting", state.phase === "running" && state.run !== null && state.run.status !== "running");
    part("summary").textContent = summary(state, subjectOf(state)?.graph.nodes.size ?? 0);
    tellEnd(part("output-body"), () => showOutput(part("output-body"), state, actions));
    if (state.phase !== before.phase) part("live").textContent = announcement(state);
  });
}

/**
 * Who has read to the end stays there when more comes.
 *
 * @param {HTMLElement} host
 * @param {() => void} tell
 */
function tellEnd(host, tell) {
  const scrolled = host.scrollTop > 0 && host.scrollTop + host.clientHeight >= host.scrollHeight - 4;
  tell();
  if (scrolled) host.scrollTop = host.scrollHeight;
}

/** @param {State} state */
function announcement({ phase, run, trouble }) {
  return {
    idle: "", running: "running", stopped: "stopped", trouble: trouble?.message ?? "",
    done: run?.status === "cancelled" ? "stopped" : run?.problem ? problemWords(run.problem) : "done",
  }[phase];
}

/** @param {Problem} problem */
function problemWords({ kind, line, message, suggestion }) {
  const words = `${kind} in line ${line ?? "?"}: ${message}. ${suggestion ?? ""}`;
  return words.replaceAll("`", "");
}

/** @param {Store} store */
export async function greet(store) {
  const health = await askHealth();
  if (!health?.sandbox) return;
  part("unsafe").hidden = !health.sandbox.unsafe_local;
  store.send({ type: "health", health });
}
