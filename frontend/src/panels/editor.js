/** The editor; the only importer of CodeMirror. */

import {
  bracketMatching, closeBrackets, closeBracketsKeymap, Decoration, defaultKeymap, drawSelection, EditorSelection,
  EditorState, EditorView, HighlightStyle, history, historyKeymap, indentOnInput, indentUnit, indentWithTab, keymap,
  lineNumbers, Prec, python, StateEffect, StateField, syntaxHighlighting, tags, WidgetType,
} from "../../vendor/codemirror.js";
import { cautionElement, chipElement } from "./marks.js";
import { problemElement } from "./problem.js";

/**
 * @import {Range, StateEffectType, Text, Transaction} from "@codemirror/state"
 * @import {DecorationSet} from "@codemirror/view"
 * @import {Caution, Chip, Failure} from "./marks.js"
 *
 * @typedef {object} Span 1-based lines and columns, the end after the last character
 * @property {number} line
 * @property {number | null} column
 * @property {number | null} endLine
 * @property {number | null} endColumn
 *
 * @typedef {object} Marks
 * @property {Chip[]} chips
 * @property {Caution[]} cautions
 * @property {(Failure & {span: Span}) | null} failure
 *
 * @typedef {object} Actions
 * @property {() => void} onRun
 * @property {() => void} onEdit
 * @property {(line: number) => void} onLine
 */

/** Pixels of code that stay to be seen above a line that is brought up. */
const ABOVE = 60;
/** @type {StateEffectType<Marks>} */
const setMarks = StateEffect.define();
/** @type {StateEffectType<Span | null>} */
const setChosen = StateEffect.define();

class ElementWidget extends WidgetType {
  /**
   * @param {string} key equal keys look equal
   * @param {() => HTMLElement} make
   */
  constructor(key, make) {
    super();
    this.key = key;
    this.make = make;
  }

  /** @override @param {ElementWidget} other */
  eq(other) {
    return other.key === this.key;
  }

  /** @override */
  toDOM() {
    return this.make();
  }

  /** @override */
  ignoreEvent() {
    return false;
  }
}

/**
 * @param {StateEffectType<any>} effect
 * @param {(doc: Text, value: any) => Range<Decoration>[]} build
 */
function decorations(effect, build) {
  return StateField.define({
    create: () => Decoration.none,
    update(before, transaction) {
      const found = transaction.effects.findLast((each) => each.is(effect));
      if (!found) return remaining(before, transaction);
      return Decoration.set(build(transaction.state.doc, found.value), true);
    },
    provide: (field) => EditorView.decorations.from(field),
  });
}

/**
 * What stood at text that is gone goes with it; the rest moves along.
 *
 * @param {DecorationSet} before
 * @param {Transaction} transaction
 */
function remaining(before, { changes, docChanged }) {
  if (!docChanged) return before;
  const kept = before.update({ filter: (from, to) => changes.touchesRange(from, to) !== "cover" });
  return kept.map(changes);
}

/**
 * @param {Text} doc
 * @param {Span} span
 * @returns {{from: number, to: number} | null} null when the document has no such place
 */
function rangeOf(doc, span) {
  if (span.line < 1 || span.line > doc.lines) return null;
  const line = doc.line(span.line);
  const lastLine = doc.line(Math.min(Math.max(span.endLine ?? span.line, span.line), doc.lines));
  const indent = /^\s*/.exec(line.text)?.[0].length ?? 0;
  const from = line.from + (span.column === null ? indent : span.column - 1);
  const to = span.endColumn === null ? line.to : lastLine.from + span.endColumn - 1;
  const start = Math.min(from, line.to);
  return { from: start, to: Math.max(Math.min(to, lastLine.to), start) };
}

/**
 * @param {Text} doc
 * @param {Marks} marks
 */
function markRanges(doc, { chips, cautions, failure }) {
  const ranges = chips
    .filter(({ line }) => line >= 1 && line <= doc.lines)
    .map((chip) => {
      const widget = new ElementWidget(JSON.stringify(chip), () => chipElement(chip));
      return Decoration.widget({ widget, side: 1 }).range(doc.line(chip.line).to);
    });
  for (const caution of cautions.filter(({ line }) => line >= 1 && line <= doc.lines)) {
    const widget = new ElementWidget(JSON.stringify(caution), () => cautionElement(caution));
    ranges.push(Decoration.widget({ widget, side: 1 }).range(doc.line(caution.line).to));
  }
  const range = failure && rangeOf(doc, failure.span);
  if (!failure || !range) return ranges;
  const line = doc.lineAt(range.from);
  const end = doc.lineAt(range.to);
  const widget = new ElementWidget(JSON.stringify(failure), () => inRoom(problemElement(failure)));
  ranges.push(Decoration.line({ class: "cm-failed" }).range(line.from));
  if (range.to > range.from) ranges.push(Decoration.mark({ class: "cm-wavy" }).range(range.from, range.to));
  ranges.push(Decoration.widget({ widget, block: true, side: 2 }).range(end.to));
  return ranges;
}

/**
 * The room around it is padding: the editor does not measure margins, and its line numbers would stand too high below.
 *
 * @param {HTMLElement} element
 */
function inRoom(element) {
  const room = document.createElement("div");
  room.className = "problem-room";
  room.append(element);
  return room;
}

/**
 * @param {Text} doc
 * @param {Span | null} span
 */
function chosenRanges(doc, span) {
  const range = span && rangeOf(doc, span);
  if (!range) return [];
  const ranges = [Decoration.line({ class: "cm-chosen" }).range(doc.lineAt(range.from).from)];
  if (span.column !== null && range.to > range.from) {
    ranges.push(Decoration.mark({ class: "cm-chosen-span" }).range(range.from, range.to));
  }
  return ranges;
}

const HIGHLIGHT = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier], color: "var(--code-keyword)" },
  { tag: [tags.bool, tags.null, tags.self], color: "var(--code-keyword)" },
  { tag: [tags.number], color: "var(--code-number)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--code-string)" },
  { tag: [tags.comment], color: "var(--quiet)", fontStyle: "italic" },
  { tag: [tags.definition(tags.function(tags.variableName)), tags.definition(tags.className)], color: "var(--code-name)" },
]);

/** In code and not in a style sheet, because the editor lives in a shadow root. */
const LOOK = EditorView.theme({
  "&": { height: "100%", color: "var(--ink)", backgroundColor: "transparent", fontSize: "var(--code-size)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", fontVariantLigatures: "none", lineHeight: "1.75", overflow: "auto" },
  ".cm-content": { padding: "6px 0 24px", caretColor: "var(--forward)", minWidth: "0", width: "0", flexGrow: "1" },
  ".cm-line": { padding: "0 14px 0 10px", display: "flow-root" },
  ".cm-gutters": { backgroundColor: "var(--panel)", color: "var(--faint)", border: "none", paddingLeft: "6px" },
  ".cm-lineNumbers .cm-gutterElement": { minWidth: "26px", padding: "0 8px 0 4px" },
  ".cm-cursor": { borderLeftColor: "var(--forward)", borderLeftWidth: "2px" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--select)",
  },
  ".cm-matchingBracket": { backgroundColor: "var(--forward-soft)", outline: "none" },
  ".cm-chosen": { backgroundColor: "var(--forward-soft)" },
  ".cm-chosen-span": { boxShadow: "inset 0 -2px 0 var(--forward)" },
  ".cm-failed": { backgroundColor: "var(--error-soft)" },
  ".cm-wavy": { textDecoration: "underline wavy var(--error) 1.5px", textUnderlineOffset: "4px", textDecorationSkipInk: "none" },
  ".chip": {
    "--chip-edges": "20px", float: "right", margin: "3px 0 0 12px", padding: "1px 9px", lineHeight: "1.35", fontSize: "var(--chip-size)", maxWidth: "100%",
    border: "1px solid var(--line)", borderRadius: "7px", backgroundColor: "var(--panel)", color: "var(--quiet)",
    whiteSpace: "nowrap", overflow: "hidden", textOverflow: "ellipsis", boxSizing: "border-box", marginBottom: "2px",
  },
  ".chip .name": { color: "var(--ink)" },
  ".chip .value": { color: "var(--forward)", fontWeight: "600" },
  ".chip.grad, .chip.grad .name, .chip.grad .value": { color: "var(--backward)" },
  ".chip.grad": { borderColor: "var(--backward-line)", backgroundColor: "var(--backward-wash)" },
  ".problem-room": { padding: "4px 12px 8px 44px" },
  ".problem": {
    padding: "9px 12px", borderLeft: "3px solid var(--error)", borderRadius: "6px",
    backgroundColor: "var(--error-soft)", color: "var(--ink)", fontFamily: "var(--sans)", fontSize: "13px", lineHeight: "1.5",
    whiteSpace: "normal", overflowWrap: "anywhere",
  },
  ".problem .message": { whiteSpace: "pre-wrap" },
  ".problem strong": { color: "var(--error)" },
  ".problem p": { margin: "4px 0 0" },
  ".problem .suggestion::before": { content: '"→ "', color: "var(--error)" },
  ".problem code": { fontFamily: "var(--mono)", fontSize: "0.95em" },
  ".operands": { display: "flex", flexWrap: "wrap", gap: "5px 6px", margin: "6px 0 0", padding: "0", listStyle: "none" },
  ".operand": {
    padding: "1px 8px", border: "1px solid var(--line)", borderRadius: "7px", backgroundColor: "var(--panel)",
    color: "var(--ink)", font: "12.5px/1.6 var(--mono)", textAlign: "left",
  },
  "button.operand, .fix": { cursor: "pointer" },
  "button.operand:hover": { borderColor: "var(--forward)" },
  ".operand-shape": { color: "var(--quiet)" },
  ".clash": {
    color: "var(--error)", fontWeight: "700", borderBottom: "2px solid var(--error)", padding: "0 1px",
  },
  ".operand-kind:empty": { display: "none" },
  ".operand-kind": { color: "var(--quiet)" },
  ".fixes": { display: "flex", flexWrap: "wrap", gap: "6px", marginTop: "7px" },
  ".fix": {
    padding: "3px 10px", border: "1px solid var(--forward)", borderRadius: "7px", backgroundColor: "var(--panel)",
    color: "var(--forward)", font: "550 12.5px/1.5 var(--sans)", textAlign: "left",
  },
  ".fix:hover": { backgroundColor: "var(--forward-soft)" },
  "&.stale .fixes": { display: "none" },
  ".caution": {
    float: "right", width: "18px", height: "18px", margin: "4px 0 0 8px", borderRadius: "50%", border: "1.5px solid var(--caution)",
    color: "var(--caution)", font: "700 12px/17px var(--sans)", textAlign: "center", boxSizing: "border-box", cursor: "help",
  },
  ".chip.ahead": { visibility: "hidden" },
  "&.stale .chip": { opacity: "0.45" },
});

/**
 * Typing over a selection. Left to itself Chromium keeps the look of what it deletes in style attributes, which the
 * Content-Security-Policy refuses with an error each time.
 */
const TYPE_OVER = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { from, to, empty } = view.state.selection.main;
    const text = event.data;
    if (event.inputType !== "insertText" || text === null || event.isComposing || empty) return false;
    event.preventDefault();
    const insert = () => view.state.update(view.state.replaceSelection(text), { userEvent: "input.type", scrollIntoView: true });
    const handled = view.state.facet(EditorView.inputHandler).some((handler) => handler(view, from, to, text, insert));
    if (!handled) view.dispatch(insert());
    return true;
  },
});

export class Editor {
  #view;
  #quiet = false;
  /** @type {(line: number, role: "value" | "grad") => boolean} */
  #isAhead = () => false;

  /**
   * @param {HTMLElement} host gets a shadow root: there CodeMirror adopts its style sheets instead of writing style
   *   elements, which the Content-Security-Policy would refuse
   * @param {string} code
   * @param {Actions} actions
   */
  constructor(host, code, actions) {
    const root = host.attachShadow({ mode: "open" });
    const run = () => {
      actions.onRun();
      return true;
    };
    const state = EditorState.create({
      doc: code,
      extensions: [
        Prec.highest(keymap.of([{ key: "Mod-Enter", run }])),
        lineNumbers(), history(), drawSelection(), indentOnInput(), indentUnit.of("    "), bracketMatching(), closeBrackets(),
        TYPE_OVER, python(), syntaxHighlighting(HIGHLIGHT), LOOK, EditorView.lineWrapping, EditorState.tabSize.of(4),
        decorations(setMarks, markRanges), decorations(setChosen, chosenRanges),
        keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, indentWithTab]),
        EditorView.contentAttributes.of({ "aria-label": "Python snippet. Press Escape, then Tab, to leave.", spellcheck: "false", tabindex: "0" }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) actions.onEdit();
          const marked = update.transactions.some(({ effects }) => effects.some((effect) => effect.is(setMarks)));
          if (marked || update.viewportChanged) this.#veilChips();
          const moved = update.transactions.some((transaction) => transaction.isUserEvent("select"));
          if (moved && !update.docChanged && !this.#quiet) actions.onLine(this.line);
        }),
      ],
    });
    this.#view = new EditorView({ state, parent: root, root });
  }

  get code() {
    return this.#view.state.doc.toString();
  }

  /** The cursor's line, 1-based. */
  get line() {
    return this.#view.state.doc.lineAt(this.#view.state.selection.main.head).number;
  }

  /** @param {string} code */
  replace(code) {
    this.#view.dispatch({ changes: { from: 0, to: this.#view.state.doc.length, insert: code } });
  }

  /**
   * Puts other code in the place of whole lines; it can be undone.
   *
   * @param {number} first 1-based
   * @param {number} last
   * @param {string} code
   */
  replaceLines(first, last, code) {
    const { doc } = this.#view.state;
    if (first < 1 || last < first || last > doc.lines) return;
    const from = doc.line(first).from;
    this.#view.dispatch({
      changes: { from, to: doc.line(last).to, insert: code },
      selection: EditorSelection.cursor(from + code.length),
      userEvent: "input.fix",
    });
  }

  /** @param {Marks} marks */
  mark(marks) {
    this.#view.dispatch({ effects: setMarks.of(marks) });
  }

  /**
   * Shows which place is chosen, and brings it into view.
   *
   * @param {Span | null} span
   * @param {boolean} scroll
   */
  choose(span, scroll) {
    const range = span && rangeOf(this.#view.state.doc, span);
    const effects = [setChosen.of(span), ...(scroll && range ? [EditorView.scrollIntoView(range.from, { y: "nearest", yMargin: 40 })] : [])];
    this.#view.dispatch({ effects });
  }

  /**
   * Puts the cursor on a line.
   *
   * @param {number} line 1-based
   */
  goTo(line) {
    const { doc } = this.#view.state;
    if (line < 1 || line > doc.lines) return;
    this.#quiet = true;
    this.#view.dispatch({ selection: EditorSelection.cursor(doc.line(line).to), scrollIntoView: true });
    this.#quiet = false;
    this.#view.focus();
  }

  /**
   * Makes chips faint whose value is not there yet.
   *
   * @param {(line: number, role: "value" | "grad") => boolean} isAhead
   */
  veil(isAhead) {
    this.#isAhead = isAhead;
    this.#veilChips();
  }

  #veilChips() {
    for (const chip of this.#view.dom.querySelectorAll(".chip")) {
      const { chip: line } = /** @type {HTMLElement} */ (chip).dataset;
      chip.classList.toggle("ahead", this.#isAhead(Number(line), chip.classList.contains("grad") ? "grad" : "value"));
    }
  }

  /**
   * Brings a line near the top, so that what stands below it is seen too.
   *
   * @param {number} line 1-based
   */
  bringUp(line) {
    const { doc } = this.#view.state;
    if (line < 1 || line > doc.lines) return;
    this.#view.dispatch({ effects: EditorView.scrollIntoView(doc.line(line).from, { y: "start", yMargin: ABOVE }) });
  }

  /** @param {boolean} stale */
  dim(stale) {
    this.#view.dom.classList.toggle("stale", stale);
  }
}
