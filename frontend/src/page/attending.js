/** What attends to the playback: the view goes along, code and inspector show what happens, screen readers hear it. */

/** @import {Selection} from "../model.d.ts" */
/** @import {Told} from "../narration.js" */
/** @import {Position} from "../player.js" */
/** @import {Score} from "../stage/moment.js" */
/** @import {Code} from "./code.js" */
/** @import {PictureOnStage} from "./picture.js" */
/** @import {Store} from "./store.js" */

import { ARRIVAL } from "../stage/motion.js";
import { aheadOf, selectionAt } from "./moment.js";
import { part } from "./parts.js";

/** In milliseconds. Of events that go by quicker only some are attended to, else view and editor would flicker. */
export const SLOW_ENOUGH = 150;
const SELDOM = 400;
/** A screen reader is told no more often than this while playing. */
const SPOKEN = 2500;
export const STILL = matchMedia("(prefers-reduced-motion: reduce)");

/**
 * @typedef {object} Now
 * @property {Position} position
 * @property {Told} told
 * @property {Score | null} score null while the stage shows another step
 * @property {number} pace milliseconds that the event takes
 */

export class Attending {
  #store;
  #picture;
  #code;
  #spoken = 0;
  /** The moment that the view went along with last. */
  #alongside = { at: -1, step: -1, when: 0 };
  /** @type {{reached: number, step: object | null}} */
  #veiled = { reached: Infinity, step: null };
  /** The moment whose node and line were chosen last. */
  #chosen = { step: -1, at: -1, full: true, when: 0 };
  /** Selections that were made here. @type {WeakSet<Selection>} */
  #own = new WeakSet();

  /**
   * @param {Store} store
   * @param {PictureOnStage} picture
   * @param {Code} code
   */
  constructor(store, picture, code) {
    this.#store = store;
    this.#picture = picture;
    this.#code = code;
  }

  /** @param {Now} now */
  follow(now) {
    this.#goAlong(now);
    this.#choose(now);
    this.#veil(now);
  }

  /** @param {Selection} selection @returns {boolean} it was made here, not by hand */
  chose(selection) {
    return this.#own.has(selection);
  }

  /** What was chosen by hand need not be chosen again. @param {{step: number, at: number, full: boolean}} moment */
  know(moment) {
    this.#chosen = { ...moment, when: performance.now() };
  }

  /**
   * @param {string} words for a screen reader; while playing not all, but the newest
   * @param {Position} position
   */
  hear(words, { playing, full }) {
    const now = performance.now();
    if (full && !playing && this.#spoken === 0) return;
    if (playing && now - this.#spoken < SPOKEN) return;
    this.#spoken = now;
    if (!document.activeElement?.matches(".scrubber")) part("told").textContent = words;
  }

  /** @param {Now} now */
  #goAlong({ position: { at, full, step }, score, pace }) {
    const known = this.#alongside.at === at && this.#alongside.step === step;
    if (full || !score || known) return;
    const now = performance.now();
    if (pace < SLOW_ENOUGH && now - this.#alongside.when < SELDOM) return;
    this.#alongside = { at, step, when: now };
    this.#picture.stage.goAlong(score.touched(at).items, STILL.matches);
  }

  /** The values beside the code come when they are computed. @param {Now} now */
  #veil({ position: { at, progress, full }, told }) {
    const reached = full ? Infinity : at + (progress >= ARRIVAL ? 1 : 0);
    if (reached === this.#veiled.reached && told.step === this.#veiled.step) return;
    this.#veiled = { reached, step: told.step };
    this.#code.veil(full ? () => false : aheadOf(told, reached));
  }

  /** What happens is chosen: its node or edge, its line. @param {Now} now */
  #choose({ position: { at, full, step: place }, told: { step }, pace }) {
    const before = this.#chosen;
    const known = before.step === place && before.at === at && before.full === full;
    const now = performance.now();
    if (known || (pace < SLOW_ENOUGH && now - before.when < SELDOM)) return;
    this.#chosen = { step: place, at, full, when: now };
    if (full && (before.full || at < step.events.length)) return;
    const { selection, line } = selectionAt(step, full ? step.events.length : at);
    if (selection) this.#own.add(selection);
    this.#store.send({ type: "select", selection, line });
  }
}
