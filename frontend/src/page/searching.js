/** The search on the stage: `/`, or Ctrl+F on the stage, opens it; Enter goes to the next thing found. */

/** @import {Found} from "../search.js" */

import { search } from "../search.js";
import { isTyped } from "./keys.js";
import { part } from "./parts.js";

/** So many of the things found are listed. */
const LISTED = 50;

/**
 * @typedef {object} Ground
 * @property {() => import("../search.js").Searched | null} searched
 * @property {(found: Found) => void} onJump
 * @property {(found: Found[]) => void} onFound everything found, to be marked
 */

export class Searching {
  #ground;
  #box = part("search");
  #input = /** @type {HTMLInputElement} */ (part("search-text"));
  #list = part("search-results");
  #count = part("search-count");
  /** @type {Found[]} */
  #found = [];
  #place = -1;

  /** @param {Ground} ground */
  constructor(ground) {
    this.#ground = ground;
    document.addEventListener("keydown", (event) => {
      const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
      if (event.key === "/" && plain && !isTyped(event)) this.#openBy(event);
    });
    part("stage").addEventListener("keydown", (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key === "f") this.#openBy(event);
    });
    part("search-open").addEventListener("click", () => (this.#box.hidden ? this.open() : this.close()));
    part("search-close").addEventListener("click", () => this.close());
    this.#input.addEventListener("input", () => this.refresh());
    this.#input.addEventListener("keydown", (event) => this.#key(event));
    this.#list.addEventListener("click", (event) => {
      const item = event.target instanceof Element ? event.target.closest("[data-place]") : null;
      if (item instanceof HTMLElement) this.#go(Number(item.dataset.place));
    });
  }

  /** @param {KeyboardEvent} event */
  #openBy(event) {
    event.preventDefault();
    this.open();
  }

  open() {
    if (!this.#ground.searched()) return;
    this.#box.hidden = false;
    part("search-open").setAttribute("aria-expanded", "true");
    this.#input.focus();
    this.#input.select();
    this.refresh();
  }

  close() {
    if (this.#box.hidden) return;
    this.#box.hidden = true;
    part("search-open").setAttribute("aria-expanded", "false");
    this.#ground.onFound([]);
    part("search-open").focus();
  }

  /** Searches anew: what was typed or what is searched has changed. */
  refresh() {
    const searched = this.#box.hidden ? null : this.#ground.searched();
    if (!searched) return;
    this.#found = search(this.#input.value, searched);
    this.#place = this.#found.length > 0 ? 0 : -1;
    this.#list.replaceChildren(...this.#found.slice(0, LISTED).map(entry));
    const empty = this.#input.value.trim() === "";
    const more = this.#found.length > LISTED ? `, the first ${LISTED} are listed` : "";
    this.#count.textContent = empty ? "A name, an op, a shape such as [2, 3], or line 7." : `${this.#found.length || "nothing"} found${more}`;
    this.#choose(this.#place);
    this.#ground.onFound(this.#found);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const last = Math.min(this.#found.length, LISTED) - 1;
    if (event.key === "Escape") this.close();
    else if (event.key === "ArrowDown") this.#choose(Math.min(this.#place + 1, last));
    else if (event.key === "ArrowUp") this.#choose(Math.max(this.#place - 1, 0));
    else if (event.key === "Enter") this.#go(this.#place);
    else {
      event.stopPropagation();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {number} place */
  #choose(place) {
    this.#place = place;
    [...this.#list.children].forEach((item, i) => item.setAttribute("aria-selected", String(i === place)));
    const chosen = this.#list.children[place];
    this.#input.setAttribute("aria-activedescendant", chosen?.id ?? "");
    this.#input.setAttribute("aria-expanded", String(this.#found.length > 0));
    chosen?.scrollIntoView({ block: "nearest" });
  }

  /** @param {number} place */
  #go(place) {
    const found = this.#found[place];
    if (!found) return;
    this.#choose(place);
    this.#ground.onJump(found);
  }
}

/**
 * @param {Found} found
 * @param {number} place
 */
function entry({ title, detail, kind }, place) {
  const item = document.createElement("li");
  item.id = `found-${place}`;
  item.dataset.place = String(place);
  item.className = kind;
  item.setAttribute("role", "option");
  const [name, rest] = [document.createElement("strong"), document.createElement("span")];
  name.textContent = title;
  rest.textContent = detail;
  item.append(name, rest);
  return item;
}
