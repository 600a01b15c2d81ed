/** What the first picture does not wait for: the editor comes a moment later, formulas when the page is idle. */

/** @import {Actions, Editor, Marks, Span} from "../panels/editor.js" */

import { fetchFormulas } from "../panels/formula.js";

/** Milliseconds after which a busy page is no excuse any more. */
const PATIENCE = 300;
const MISSING = "The editor could not be loaded: reload the page to change the snippet.";

/** Has the snippet at once, and everything else that an editor does as soon as the editor is there. */
export class LateEditor {
  #text;
  /** @type {Editor | null} */
  #editor = null;
  /** What the editor is told when it comes: of each kind the last. @type {Map<string, (editor: Editor) => void>} */
  #told = new Map();

  /**
   * @param {HTMLElement} host
   * @param {string} code
   * @param {Actions} actions
   */
  constructor(host, code, actions) {
    this.#text = code;
    const text = document.createElement("pre");
    text.className = "early-code";
    text.textContent = code;
    host.append(text);
    whenIdle(() => {
      import("../panels/editor.js").then(({ Editor }) => {
        text.remove();
        this.#editor = new Editor(host, this.#text, actions);
        for (const tell of this.#told.values()) tell(this.#editor);
        whenIdle(() => void fetchFormulas().catch(() => undefined));
      }).catch(() => {
        text.textContent = `${MISSING}\n\n${this.#text}`;
      });
    });
  }

  get code() {
    return this.#editor?.code ?? this.#text;
  }

  /** @param {string} code */
  replace(code) {
    this.#text = code;
    this.#editor?.replace(code);
  }

  /**
   * @param {number} first
   * @param {number} last
   * @param {string} code
   */
  replaceLines(first, last, code) {
    this.#editor?.replaceLines(first, last, code);
  }

  /** @param {Marks} marks */
  mark(marks) {
    this.#tell("mark", (editor) => editor.mark(marks));
  }

  /** @param {(line: number, role: "value" | "grad") => boolean} isAhead */
  veil(isAhead) {
    this.#tell("veil", (editor) => editor.veil(isAhead));
  }

  /**
   * @param {Span | null} span
   * @param {boolean} scroll
   */
  choose(span, scroll) {
    this.#tell("choose", (editor) => editor.choose(span, scroll));
  }

  /** @param {number} line */
  goTo(line) {
    this.#tell("goTo", (editor) => editor.goTo(line));
  }

  /** @param {number} line */
  bringUp(line) {
    this.#tell("bringUp", (editor) => editor.bringUp(line));
  }

  /** @param {boolean} stale */
  dim(stale) {
    this.#tell("dim", (editor) => editor.dim(stale));
  }

  /**
   * @param {string} kind
   * @param {(editor: Editor) => void} tell
   */
  #tell(kind, tell) {
    if (this.#editor) tell(this.#editor);
    else this.#told.set(kind, tell);
  }
}

/** @param {() => void} act */
function whenIdle(act) {
  if ("requestIdleCallback" in window) window.requestIdleCallback(act, { timeout: PATIENCE });
  else setTimeout(act, 0);
}
