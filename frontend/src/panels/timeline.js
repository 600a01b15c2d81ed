/** The bar below the stage: where in the run the page is. */

/** @import {Run} from "../model.d.ts" */

import { numberText } from "../number.js";
import { numberOf } from "../wire.js";
import { html, nothing, render } from "./template.js";

/**
 * @param {HTMLElement} host
 * @param {Run | null} run
 * @param {number} step place in the run's steps
 * @param {(step: number) => void} onStep
 */
export function showTimeline(host, run, step, onStep) {
  const steps = run?.steps ?? [];
  const current = steps[step];
  render(steps.length < 2 || !current ? nothing : bar(steps.length, step, numberOf(current.loss), onStep), host);
}

/**
 * @param {number} count
 * @param {number} step
 * @param {number | null} loss
 * @param {(step: number) => void} onStep
 */
function bar(count, step, loss, onStep) {
  /** @param {{target: HTMLInputElement}} event */
  const slide = ({ target }) => onStep(Number(target.value) - 1);
  return html`<div class="step-row">
    <button class="round" aria-label="previous step" ?disabled=${step === 0} @click=${() => onStep(step - 1)}>
      ◀
    </button>
    <input type="range" aria-label="step" min="1" max=${count} .value=${String(step + 1)} @input=${slide} />
    <button class="round" aria-label="next step" ?disabled=${step === count - 1} @click=${() => onStep(step + 1)}>
      ▶
    </button>
    <output class="step-text" data-step>
      <strong>step ${(step + 1).toLocaleString("en-US")} of ${count.toLocaleString("en-US")}</strong>
      <span class="step-loss">${loss === null ? "" : `loss ${numberText(loss)}`}</span>
    </output>
  </div>`;
}
