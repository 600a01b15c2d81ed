/** The output: what was printed, the last value, notices, the problem, and one line on how it went. */

/** @import {Frame, Health, Notice, Output, Problem, Run, State, Trouble} from "../model.d.ts" */
/** @import {ProblemActions} from "./problem.js" */

import { countText, durationText } from "../number.js";
import { coded, operandList, remedy } from "./problem.js";
import { html, nothing, render } from "./template.js";

/** Printed pieces shown; more are cut in the middle so that the page stays quick. */
const SHOWN = 400;
/** Calls of the learner's own that a problem names; recursion has more. */
const CALLERS = 3;

/** @typedef {ProblemActions & {onLine: (line: number) => void, onRetry: () => void}} Actions */

/**
 * @param {HTMLElement} host
 * @param {State} state
 * @param {Actions} actions
 */
export function showOutput(host, state, actions) {
  render(
    html`
      ${state.phase === "trouble" && state.trouble ? troubleCard(state.trouble, actions) : nothing}
      ${state.phase === "stopped" ? html`<p class="notice">Stopped. What is shown is from the run before.</p>` : nothing}
      ${state.run ? runView(state.run, state.stale, actions) : nothing}
    `,
    host,
  );
}

/**
 * @param {Trouble} trouble
 * @param {Actions} actions
 */
function troubleCard(trouble, { onRetry }) {
  const title = { busy: "The server is busy", refused: "The server refused", unreachable: "No connection", lost: "The rest of the run is lost" }[trouble.kind];
  return html`<div class="problem" data-trouble=${trouble.kind}>
    <strong>${title}</strong>
    <p>${trouble.message}</p>
    ${trouble.kind === "refused" && trouble.hint ? html`<p>${trouble.hint}</p>` : nothing}
    ${trouble.kind === "busy" ? html`<p>Try again in ${countText(trouble.retryAfter, "second")}.</p>` : nothing}
    <button class="button" @click=${onRetry}>${trouble.kind === "lost" ? "Run again" : "Try again"}</button>
  </div>`;
}

/**
 * @param {Run} run
 * @param {boolean} stale
 * @param {Actions} actions
 */
function runView(run, stale, actions) {
  const { problem, result, notices } = run;
  const warnings = notices.filter(({ level }) => level === "warning");
  return html`
    ${run.status === "cancelled" ? stoppedNotice(run, actions) : nothing}
    ${problem && run.status !== "cancelled" ? problemCard(problem, stale, actions) : nothing}
    ${warnings.map((notice) => noticeView(notice, actions))}
    <div class="printed">${cutMiddle(run.output).map((piece) => printed(piece, actions))}</div>
    ${result
      ? html`<button class="print result" data-result @click=${() => actions.onLine(result.line)}>${result.text}</button>`
      : nothing}
    ${leftOut(run)}
    ${notices.filter((notice) => !warnings.includes(notice)).map((notice) => noticeView(notice, actions))}
    ${run.status === "running" || problem || result || notices.length > 0 || run.output.length > 0 ? nothing : html`<p class="quiet">Nothing was printed.</p>`}
  `;
}

/**
 * @param {Run} run
 * @param {Actions} actions
 */
function stoppedNotice({ problem }, actions) {
  const line = problem?.line ?? null;
  return html`<p class="notice">
    Stopped${line === null ? nothing : html` in ${lineLink(line, actions)}`}. What had come until then is shown.
  </p>`;
}

/**
 * Steps that are not there are never silently missing.
 *
 * @param {Run} run
 */
function leftOut({ skipped, expired, thinned }) {
  const slow = skipped - expired;
  return html`
    ${slow > 0 ? html`<p class="notice" data-skipped>${countText(slow, "step")} came faster than they could be sent, and were skipped; the charts have them.</p>` : nothing}
    ${expired > 0 ? html`<p class="notice" data-expired>${countText(expired, "step")} had made room for newer ones on the server before this page asked for them; the charts have them.</p>` : nothing}
    ${thinned > 0 ? html`<p class="notice" data-thinned>${countText(thinned, "step")} made room for newer ones; the charts have them.</p>` : nothing}
  `;
}

/**
 * @param {Problem} problem
 * @param {boolean} stale its line numbers are no longer those of the editor
 * @param {Actions} actions
 */
function problemCard(problem, stale, actions) {
  const { kind, line, message, explanation, operands, traceback } = problem;
  return html`<div class="problem" data-problem>
    <strong>${kind}${line === null ? nothing : html` · ${lineLink(line, actions)}`}</strong>
    ${traceback.length > 1 ? html`<span class="way"> ${way(traceback, actions)}</span>` : nothing}
    <p class="message">${message}</p>
    ${operandList(operands, actions)}
    ${explanation ? html`<p class="explanation">${coded(explanation)}</p>` : nothing}
    ${remedy(stale ? { ...problem, fixes: [] } : problem, actions)}
  </div>`;
}

/**
 * The learner's own calls that led there, the innermost first: `in forward, called by line 9`.
 *
 * @param {Frame[]} traceback
 * @param {Actions} actions
 */
function way(traceback, actions) {
  const callers = traceback.slice(0, -1).reverse().slice(0, CALLERS);
  const innermost = traceback.at(-1)?.function ?? "";
  return html`in <code>${innermost}</code>${callers.map(
    ({ line, function: name }) => html`, called by ${lineLink(line, actions)}${name === "<module>" ? nothing : html` in <code>${name}</code>`}`,
  )}`;
}

/**
 * @param {Notice} notice
 * @param {Actions} actions
 */
function noticeView({ kind, level, message, suggestion, line, node, step }, actions) {
  const warning = level === "warning";
  return html`<div class="notice ${level}" data-notice=${kind}>
    <span class="notice-icon" aria-hidden="true">${warning ? "!" : "i"}</span>
    <div>
      <p>${warning ? html`<span class="unseen">Warning: </span>` : nothing}${coded(message)}
        ${line === null ? nothing : lineLink(line, actions)}
        ${node === null ? nothing : html`<button class="link" @click=${() => actions.onNode(node, step)}>show the node</button>`}
      </p>
      ${suggestion ? html`<p class="suggestion">${coded(suggestion)}</p>` : nothing}
    </div>
  </div>`;
}

/**
 * @param {number} line
 * @param {Actions} actions
 */
function lineLink(line, { onLine }) {
  return html`<button class="link" @click=${() => onLine(line)}>line ${line}</button>`;
}

/**
 * @param {Output[]} output
 * @returns {(Output | number)[]} a number stands for so many pieces left out
 */
function cutMiddle(output) {
  if (output.length <= SHOWN) return output;
  return [...output.slice(0, SHOWN / 2), output.length - SHOWN, ...output.slice(-SHOWN / 2)];
}

/**
 * @param {Output | number} piece
 * @param {Actions} actions
 */
function printed(piece, { onLine }) {
  if (typeof piece === "number") return html`<p class="quiet">… ${countText(piece, "more line")} …</p>`;
  const text = piece.text.replace(/\n$/, "");
  if (piece.line === null) return html`<pre class="print ${piece.stream}">${text}</pre>`;
  const { line } = piece;
  return html`<button class="print ${piece.stream}" title="printed by line ${line}" @click=${() => onLine(line)}>${text}</button>`;
}

const ENDED = {
  ok: "ran in", error: "failed after", timeout: "stopped after", memory: "stopped after", crashed: "crashed after",
  cancelled: "stopped after", running: "running\u2026", lost: "connection lost",
};

/**
 * @param {State} state
 * @param {number} nodes of the graph on the stage
 * @returns {string} `ran in 14 ms · 6 nodes · sandboxed`
 */
export function summary(state, nodes) {
  if (!state.run) return state.phase === "running" ? "running\u2026" : "";
  const { status, timings } = state.run;
  const ended = timings.total > 0 ? `${ENDED[status]} ${durationText(timings.total)}` : ENDED[status].replace(/ (in|after)$/, "");
  const parts = [ended, countText(nodes, "node")];
  if (state.health) parts.push(safety(state.health));
  return parts.join(" \u00b7 ");
}

/** @param {Health} health */
function safety({ sandbox }) {
  return sandbox.safe && !sandbox.unsafe_local ? "sandboxed" : "not sandboxed";
}
