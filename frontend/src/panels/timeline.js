/** The bar below the stage: where in the run the page is, in words and on a line, and the buttons that move it. */

/** @import {PlacedPhase} from "../phases.js" */
/** @import {Position} from "../player.js" */

import { countText, numberText } from "../number.js";
import { eventAt, placeOf } from "../phases.js";
import { SPEEDS } from "../player.js";
import { html, render } from "./template.js";

/** Of more events in one phase single ones are not told apart on the line. */
const TOLD_APART = 60;

/**
 * @typedef {{type: "toggle" | "home" | "end"} | {type: "event" | "step", by: number} | {type: "seek", at: number}
 *   | {type: "show", step: number} | {type: "speed", speed: number} | {type: "loop", loop: boolean}} Wish
 *
 * @typedef {object} Told
 * @property {string} position `backward · 3 of 9 · MulBackward0`
 * @property {string} narration
 *
 * @typedef {object} Extent
 * @property {PlacedPhase[]} phases of the step
 * @property {number} events
 * @property {number} steps
 * @property {number} step
 * @property {string} words `step 42 of 100`
 * @property {number | null} loss
 */

/** @type {Record<string, string>} */
const ICONS = {
  "play": "M4 2 L14 8 L4 14 Z",
  "pause": "M3 2 H7 V14 H3 Z M9 2 H13 V14 H9 Z",
  "next event": "M4 3 L11 8 L4 13 Z M11.5 3 H13 V13 H11.5 Z",
  "previous event": "M12 3 L5 8 L12 13 Z M3 3 H4.5 V13 H3 Z",
  "next step": "M1 3 L7 8 L1 13 Z M7 3 L13 8 L7 13 Z M13.5 3 H15 V13 H13.5 Z",
  "previous step": "M15 3 L9 8 L15 13 Z M9 3 L3 8 L9 13 Z M1 3 H2.5 V13 H1 Z",
};

/** What a phase is called where its name has no room. @type {Record<string, string>} */
const SHORT = { forward: "fwd", backward: "bwd", update: "upd", zero_grad: "zero" };

/** @param {Event} event @returns {number} what was chosen */
function numberOf({ target }) {
  return Number(/** @type {HTMLInputElement} */ (target).value);
}

/** @param {string} name */
function icon(name) {
  return html`<svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true"><path d=${ICONS[name]} /></svg>`;
}

export class Timeline {
  #host;
  #onWish;
  /** @type {Extent} */
  #extent = { phases: [], events: 0, steps: 0, step: 0, words: "", loss: null };

  /**
   * @param {HTMLElement} host
   * @param {(wish: Wish) => void} onWish
   */
  constructor(host, onWish) {
    this.#host = host;
    this.#onWish = onWish;
    render(this.#frame(), host);
    const track = this.#part("track");
    track.addEventListener("pointerdown", (event) => this.#grab(event));
    track.addEventListener("pointermove", (event) => {
      if (track.hasPointerCapture(event.pointerId)) this.#seek(event);
    });
  }

  /** Where another part of the page puts the button that follows a live run. */
  get slot() {
    return this.#part("follow");
  }

  #frame() {
    const wish = this.#onWish;
    /** @param {string} name @param {string} key @param {Wish} does */
    const button = (name, key, does) => html`<button type="button" class="control" data-do=${name} aria-label=${name}
      title="${name} (${key})" @click=${() => wish(does)}>${icon(name)}</button>`;
    return html`
      <div class="playback" role="group" aria-label="Playback">
        ${button("previous step", "Shift+←", { type: "step", by: -1 })}
        ${button("previous event", "←", { type: "event", by: -1 })}
        ${button("play", "Space", { type: "toggle" })}
        ${button("next event", "→", { type: "event", by: 1 })}
        ${button("next step", "Shift+→", { type: "step", by: 1 })}
        <output class="position" data-part="position"></output>
        <span class="follow-slot" data-part="follow"></span>
        <button type="button" class="control loop" data-do="loop" aria-pressed="false" title="begin again after the end"
          @click=${() => wish({ type: "loop", loop: this.#part("loop").getAttribute("aria-pressed") !== "true" })}
          data-part="loop">Loop</button>
        <select class="speed" data-part="speed" aria-label="speed" title="speed ([ and ])"
          @change=${(/** @type {Event} */ event) => wish({ type: "speed", speed: numberOf(event) })}>
          ${SPEEDS.map((speed) => html`<option value=${speed}>${speed}×</option>`)}
        </select>
      </div>
      <div class="track" data-part="track">
        <div class="phases" data-part="phases" role="group" aria-label="Phases of the step"></div>
        <div class="events" data-part="lines" aria-hidden="true"></div>
        <div class="playhead" data-part="playhead" aria-hidden="true"></div>
        <input class="scrubber" data-part="scrubber" type="range" aria-label="event" min="0" max="0" step="1"
          @input=${(/** @type {Event} */ event) => wish({ type: "seek", at: numberOf(event) })} />
      </div>
      <div class="below">
      <p class="narration" data-part="narration"></p>
      <div class="step-row" data-part="steps" hidden>
        <input type="range" data-part="step" aria-label="step" min="1" max="1" step="1"
          @input=${(/** @type {Event} */ event) => wish({ type: "show", step: numberOf(event) - 1 })} />
        <output class="step-text" data-step></output>
      </div>
      </div>
    `;
  }

  /**
   * @param {string} name
   * @returns {HTMLElement}
   */
  #part(name) {
    return /** @type {HTMLElement} */ (this.#host.querySelector(`[data-part="${name}"]`));
  }

  /** @param {PointerEvent} event */
  #grab(event) {
    if (event.button !== 0 || this.#extent.events === 0) return;
    if (event.target instanceof Element && event.target.closest("button")) return;
    this.#part("track").setPointerCapture(event.pointerId);
    this.#seek(event);
  }

  /** @param {PointerEvent} event */
  #seek(event) {
    const { left, width } = this.#part("track").getBoundingClientRect();
    const place = Math.min(1, Math.max(0, (event.clientX - left) / width));
    const at = place >= 0.999 ? this.#extent.events : eventAt(this.#extent.phases, place);
    this.#onWish({ type: "seek", at });
  }

  /** @param {Extent} extent */
  measure(extent) {
    this.#extent = extent;
    const { phases, events, steps, step, words, loss } = extent;
    const wish = this.#onWish;
    render(
      phases.map(
        ({ kind, label, from, to }, i) => html`<button type="button" class="phase ${kind}" data-phase=${label} data-from=${from}
          aria-label="${i + 1} ${label}, ${countText(to - from, "event")}" @click=${() => wish({ type: "seek", at: from })}>
          <span class="phase-done"></span><span class="phase-name" data-short=${SHORT[label] ?? label}><i>${i + 1}</i> ${label}</span></button>`,
      ),
      this.#part("phases"),
    );
    render(
      phases.map(({ kind }) => html`<div class="line ${kind}"><span class="line-done"></span></div>`),
      this.#part("lines"),
    );
    this.#place(phases);
    const scrubber = /** @type {HTMLInputElement} */ (this.#part("scrubber"));
    scrubber.max = String(events);
    const slider = /** @type {HTMLInputElement} */ (this.#part("step"));
    slider.max = String(Math.max(1, steps));
    slider.value = String(step + 1);
    this.#part("steps").hidden = steps < 2;
    slider.setAttribute("aria-valuetext", words);
    const said = html`<strong>${words}</strong> <span class="step-loss">${loss === null ? "" : `loss ${numberText(loss)}`}</span>`;
    render(said, /** @type {HTMLElement} */ (this.#host.querySelector("[data-step]")));
    for (const button of this.#host.querySelectorAll("button.control, select")) button.toggleAttribute("disabled", events === 0);
    for (const [name, off] of [["previous step", step === 0], ["next step", step >= steps - 1]]) {
      this.#host.querySelector(`[data-do="${name}"]`)?.toggleAttribute("disabled", Boolean(off) || events === 0);
    }
  }

  /**
   * From here, because the Content-Security-Policy allows no style in the markup.
   *
   * @param {PlacedPhase[]} phases
   */
  #place(phases) {
    phases.forEach(({ start, end, from, to }, i) => {
      for (const name of ["phases", "lines"]) {
        const element = /** @type {HTMLElement} */ (this.#part(name).children[i]);
        element.style.setProperty("left", `${start * 100}%`);
        element.style.setProperty("width", `${(end - start) * 100}%`);
        element.style.setProperty("--events", String(to - from));
        element.classList.toggle("many", to - from > TOLD_APART);
      }
    });
  }

  /**
   * @param {Position} position
   * @param {Told} told
   */
  show({ at, progress, full, playing, speed, loop }, { position, narration }) {
    const { phases, events } = this.#extent;
    const reached = at >= events ? events : at + progress;
    this.#part("playhead").style.setProperty("left", `${placeOf(phases, reached) * 100}%`);
    phases.forEach(({ from, to }, i) => {
      const part = Math.min(1, Math.max(0, (reached - from) / (to - from)));
      for (const name of ["phases", "lines"]) {
        const element = /** @type {HTMLElement} */ (this.#part(name).children[i]);
        /** @type {HTMLElement} */ (element.firstElementChild).style.setProperty("width", `${part * 100}%`);
        element.classList.toggle("current", at >= from && at < to);
      }
    });
    this.#host.classList.toggle("full", full);
    this.#host.classList.toggle("empty", events === 0);
    this.#write("position", position);
    this.#write("narration", narration);
    const scrubber = /** @type {HTMLInputElement} */ (this.#part("scrubber"));
    if (scrubber.value !== String(at)) scrubber.value = String(at);
    if (scrubber.getAttribute("aria-valuetext") !== narration) scrubber.setAttribute("aria-valuetext", narration);
    this.#showButtons(playing, speed, loop);
  }

  /**
   * @param {boolean} playing
   * @param {number} speed
   * @param {boolean} loop
   */
  #showButtons(playing, speed, loop) {
    const button = this.#host.querySelector('[data-do="play"]');
    const name = playing ? "pause" : "play";
    if (button?.getAttribute("aria-label") !== name) {
      button?.setAttribute("aria-label", name);
      button?.setAttribute("title", `${name} (Space)`);
      button?.querySelector("path")?.setAttribute("d", ICONS[name] ?? "");
    }
    const select = /** @type {HTMLSelectElement} */ (this.#part("speed"));
    if (select.value !== String(speed)) select.value = String(speed);
    this.#part("loop").setAttribute("aria-pressed", String(loop));
  }

  /**
   * @param {string} name
   * @param {string} words
   */
  #write(name, words) {
    const element = this.#part(name);
    if (element.textContent !== words) element.textContent = words;
  }
}
