/** The editor in the page: the snippet, what stands beside its lines, and the line that is chosen. */

/** @import {Fix, State} from "../model.d.ts" */
/** @import {Span} from "../panels/editor.js" */
/** @import {Store} from "./store.js" */

import { recall, remember } from "../memory.js";
import { chipsOf, Widths } from "../panels/marks.js";
import { LateEditor } from "./late.js";
import { openTab, part } from "./parts.js";
import { subjectOf } from "./subject.js";

const SNIPPET = `a = torch.tensor(2.0, requires_grad=True)
b = torch.tensor(3.0, requires_grad=True)
x = torch.tensor(4.0, requires_grad=True)

y = a + b
z = x * y

z.backward()`;
const WHOLE = { column: null, end_line: null, end_column: null };

export class Code {
  #store;
  #editor;
  #onRun;
  #onNode;
  #widths = new Widths();

  /**
   * @param {Store} store
   * @param {() => void} onRun
   * @param {(node: string, step: number | null) => void} onNode an operand of the problem is to be shown
   */
  constructor(store, onRun, onNode) {
    this.#store = store;
    this.#onRun = onRun;
    this.#onNode = onNode;
    this.#editor = new LateEditor(part("editor"), recall("code") ?? SNIPPET, {
      onRun,
      onEdit: () => this.#edited(),
      onLine: (line) => this.#choose(line),
    });
    part("reset").addEventListener("click", () => {
      this.#editor.replace(SNIPPET);
      onRun();
    });
    this.#offerReset();
    store.watch((state, before) => this.#present(state, before));
  }

  /** Nobody was here before with this browser, as far as it remembers. */
  static isFirstVisit() {
    const first = recall("code") === null && recall("seen") === null;
    remember("seen", "yes");
    return first;
  }

  get text() {
    return this.#editor.code;
  }

  /** @param {(line: number, role: "value" | "grad") => boolean} isAhead the value beside a line is not there yet */
  veil(isAhead) {
    this.#editor.veil(isAhead);
  }

  /** @param {number} line */
  goTo(line) {
    openTab("editor");
    this.#editor.goTo(line);
    this.#choose(line);
  }

  /**
   * Puts a fix into the snippet that it was made for, and runs it.
   *
   * @param {Fix} fix
   */
  apply(fix) {
    if (this.#store.state.stale) return;
    this.#editor.replaceLines(fix.line, fix.end_line, fix.code);
    this.#onRun();
  }

  /** @param {number} line */
  #choose(line) {
    this.#store.send({ type: "select", selection: { type: "line", id: String(line) } });
  }

  #offerReset() {
    part("reset").hidden = this.text === SNIPPET;
  }

  #edited() {
    remember("code", this.text === SNIPPET ? null : this.text);
    this.#offerReset();
    this.#store.send({ type: "edited" });
  }

  /**
   * @param {State} state
   * @param {State} before
   */
  #present(state, before) {
    this.#editor.dim(state.stale);
    const moved = state.run !== before.run || state.step !== before.step;
    if (moved) this.#annotate(state);
    const problem = state.run?.problem;
    if (problem?.line && problem !== before.run?.problem) this.#editor.bringUp(problem.line);
    if (moved || state.selection !== before.selection || state.line !== before.line) this.#showChoice(state, before);
  }

  /** @param {State} state */
  #annotate(state) {
    const { run } = state;
    const problem = run?.status === "cancelled" ? null : run?.problem; // that it was stopped is no fault of the line
    const chips = run ? this.#widths.keep(chipsOf(run, subjectOf(state), run.lines), run.number) : [];
    const span = problem?.line ? spanOf(problem, problem.line) : null;
    const actions = { onFix: (/** @type {Fix} */ fix) => this.apply(fix), onNode: this.#onNode };
    const warnings = run?.notices.filter(({ level }) => level === "warning") ?? [];
    const cautions = warnings.flatMap(({ line, message }) => (line === null ? [] : [{ line, message }]));
    this.#editor.mark({ chips, cautions, failure: problem && span ? { problem, actions, span } : null });
  }

  /**
   * @param {State} state
   * @param {State} before
   */
  #showChoice(state, before) {
    const { selection } = state;
    const place = state.line ?? (selection?.type === "line" ? Number(selection.id) : null);
    const graph = subjectOf(state)?.graph;
    const edge = selection?.type === "edge" ? graph?.edges.get(selection.id) : undefined;
    const node = graph?.nodes.get(edge?.target ?? (selection?.type === "node" ? selection.id : ""));
    const span = place === null && node?.line ? spanOf(node, node.line) : null;
    const line = place === null ? null : spanOf(WHOLE, place);
    const moved = selection !== before.selection || state.line !== before.line;
    this.#editor.choose(span ?? line, moved && (span !== null || state.line !== null));
  }
}

/**
 * @param {{column: number | null, end_line: number | null, end_column: number | null}} place
 * @param {number} line
 * @returns {Span}
 */
function spanOf(place, line) {
  return { line, column: place.column, endLine: place.end_line, endColumn: place.end_column };
}
