/** How a run is going while it runs: step, rate, time left, the connection, and the button that follows it. */

/** @import {Link, Progress, State} from "../model.d.ts" */

import { countText } from "../number.js";
import { html, nothing, render } from "./template.js";

/**
 * @param {HTMLElement} host
 * @param {State} state
 */
export function showProgress(host, state) {
  const { run, link: { state: word } } = state;
  const words = run && isRunning(state) ? progressText(run.progress, run.iterations) : "";
  const link = linkText(state.link);
  render(
    html`
      ${link ? html`<span class="link-word" data-link=${word}>${link}</span>` : nothing}
      ${words ? html`<span class="progress-word" data-progress>${words}</span>` : nothing}
    `,
    host,
  );
}

/**
 * @param {HTMLElement} host
 * @param {State} state
 * @param {(live: boolean) => void} onLive
 */
export function showLive(host, state, onLive) {
  const { run, live } = state;
  const title = live ? "each step is shown as it comes" : "show the newest step, and each one as it comes";
  render(
    run?.looping && isRunning(state)
      ? html`<button type="button" class="live-button" data-live aria-pressed=${live} title=${title} @click=${() => onLive(!live)}>
          Live
        </button>`
      : nothing,
    host,
  );
}

/** @param {State} state */
function isRunning({ phase, run }) {
  return phase === "running" && run?.status === "running";
}

/**
 * @param {Progress | null} progress
 * @param {number} iterations
 * @returns {string} `step 412 of 1,000 · 210 steps/s · 3 s left`
 */
export function progressText(progress, iterations) {
  const step = Math.max(progress?.step ?? 0, iterations);
  if (step === 0) return "";
  const parts = [`step ${step.toLocaleString("en-US")}${progress?.total ? ` of ${progress.total.toLocaleString("en-US")}` : ""}`];
  if (progress && progress.rate > 0) parts.push(rateText(progress.rate));
  if (progress && progress.left !== null && progress.left >= 1) parts.push(`${leftText(progress.left)} left`);
  return parts.join(" \u00b7 ");
}

/** @param {number} rate steps a second */
function rateText(rate) {
  return rate >= 1 ? `${Math.round(rate).toLocaleString("en-US")} steps/s` : `${(1 / rate).toFixed(1)} s a step`;
}

/** @param {number} seconds */
function leftText(seconds) {
  return seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

/** @param {Link} link */
export function linkText({ state, missed }) {
  if (state === "lost") return "connection lost, resuming\u2026";
  if (state === "fine") return "";
  return missed === 0 ? "resumed, nothing missed" : `resumed, ${countText(missed, "step")} skipped`;
}

/**
 * @param {State} state
 * @returns {number | null} part of the run that is done, 0 to 1; null where that is not known
 */
export function shareOf(state) {
  const { total, step } = state.run?.progress ?? { total: null, step: 0 };
  return isRunning(state) && total ? Math.min(step / total, 1) : null;
}
