/** Presentation: full screen, large type, the code and the words about it beside the graph, controls out of the way. */

/** @import {PictureOnStage} from "./picture.js" */
/** @import {Playing} from "./playing.js" */

import { isTyped } from "./keys.js";
import { part } from "./parts.js";

/** After so long without a move, in milliseconds, the controls go. */
const IDLE = 2600;

export class Presenting {
  #picture;
  #playing;
  #timer = 0;
  /** The browser gave the whole screen, not only the window. */
  #screen = false;

  /**
   * @param {Playing} playing
   * @param {PictureOnStage} picture
   */
  constructor(playing, picture) {
    this.#playing = playing;
    this.#picture = picture;
    part("present").addEventListener("click", () => void this.enter());
    part("leave").addEventListener("click", () => this.leave());
    document.addEventListener("fullscreenchange", () => {
      if (!document.fullscreenElement && this.#screen) this.leave();
    });
    document.addEventListener("keydown", (event) => this.#key(event), true);
    for (const name of ["pointermove", "pointerdown", "focusin"]) {
      document.addEventListener(name, () => this.#wake());
    }
    playing.watch(() => this.#tell());
  }

  get on() {
    return document.body.classList.contains("presenting");
  }

  async enter() {
    if (this.on) return;
    document.body.classList.add("presenting");
    this.#tell();
    this.#wake();
    this.#refit();
    try {
      await document.documentElement.requestFullscreen();
      this.#screen = true;
    } catch {
      // The browser gives no full screen here: the window has to do.
    }
  }

  leave() {
    if (!this.on) return;
    document.body.classList.remove("presenting", "resting");
    clearTimeout(this.#timer);
    this.#screen = false;
    if (document.fullscreenElement) void document.exitFullscreen();
    this.#refit();
    part("present").focus();
  }

  /** Once the stage has its new size. */
  #refit() {
    requestAnimationFrame(() => requestAnimationFrame(() => this.#picture.stage.fit(false)));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (this.on) this.#wake(event.key === "Tab");
    if (event.ctrlKey || event.metaKey || event.altKey || isTyped(event)) return;
    const key = event.key.toLowerCase();
    if (key === "escape" && this.on) this.leave();
    else if (key !== "p" && key !== "f") return;
    else if (this.on) this.leave();
    else void this.enter();
    event.preventDefault();
    event.stopPropagation();
  }

  /**
   * Shows the controls for a while.
   *
   * @param {boolean} [shown] they are meant: a key for the playback does not show them
   */
  #wake(shown = true) {
    if (!this.on || !shown) return;
    document.body.classList.remove("resting");
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => {
      if (!document.activeElement?.matches("#timeline :focus-visible")) document.body.classList.add("resting");
    }, IDLE);
  }

  #tell() {
    if (!this.on) return;
    const { place, words, phase } = this.#playing.said;
    const said = part("said");
    said.dataset.phase = phase;
    const [first, second] = said.children;
    if (first && first.textContent !== place) first.textContent = place;
    if (second && second.textContent !== words) second.textContent = words;
  }
}
