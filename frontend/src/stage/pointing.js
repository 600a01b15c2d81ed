/** What the pointer is on in a heat map of the stage: index and value, in a note beside it. */

import { cellWords } from "./heat.js";

/** Between the pointer and the note, in pixels. */
const APART = 14;

export class Pointing {
  #host;
  #note = document.createElement("div");

  /**
   * @param {HTMLElement} host the stage
   * @param {SVGSVGElement} root what is on it
   */
  constructor(host, root) {
    this.#host = host;
    this.#note.className = "pointed";
    this.#note.setAttribute("aria-hidden", "true"); // the inspector says the same to those who do not point
    this.#note.hidden = true;
    host.append(this.#note);
    root.addEventListener("pointermove", (event) => this.#point(event));
    for (const name of ["pointerleave", "pointerdown", "wheel"]) root.addEventListener(name, () => (this.#note.hidden = true));
  }

  /** @param {PointerEvent} event */
  #point({ target, clientX: x, clientY: y, buttons }) {
    const heat = buttons === 0 && target instanceof Element ? target.closest(".heat") : null;
    const words = heat ? cellWords(heat, { x, y }) : "";
    this.#note.hidden = words === "";
    if (words === "") return;
    this.#note.textContent = words;
    const { left, top, width } = this.#host.getBoundingClientRect();
    const place = Math.min(x - left + APART, width - this.#note.offsetWidth - APART);
    this.#note.style.setProperty("transform", `translate(${Math.round(place)}px, ${Math.round(y - top + APART)}px)`);
  }
}
