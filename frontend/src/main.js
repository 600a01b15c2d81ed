/** Wiring: the only file that sees everything. */

/** @import {GraphModel, Message, Run, Selection, State, StepModel} from "./model.d.ts" */

import { askHealth, runSnippet } from "./connection.js";
import { Drawing } from "./drawing.js";
import { Superseded } from "./layout/layout.js";
import { toggled } from "./layout/opening.js";
import { recall, remember } from "./memory.js";
import { Editor } from "./panels/editor.js";
import { showInspector } from "./panels/inspector.js";
import { chipsOf } from "./panels/marks.js";
import { showOutput, summary } from "./panels/output.js";
import { showSteps } from "./panels/steps.js";
import { next, START } from "./run.js";
import { fillLegend } from "./stage/legend.js";
import { Stage } from "./stage/stage.js";
import { applyTheme, chosenTheme, onSystemTheme, THEMES, useTheme } from "./theme.js";
import { readAnswer, readStep } from "./wire.js";

const SNIPPET = `a = torch.tensor(2.0, requires_grad=True)
b = torch.tensor(3.0, requires_grad=True)
x = torch.tensor(4.0, requires_grad=True)

y = a + b
z = x * y

z.backward()`;
/** A run shorter than this, in milliseconds, shows no Stop button: it would only flicker. */
const BRIEF = 250;
const NO_TENSOR = "The snippet ran, but it made no tensor.";
const STOPPED_EARLY = "The snippet stopped before it made a tensor.";

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
function part(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element "${id}"`);
  return element;
}

/**
 * @param {{column: number | null, end_line: number | null, end_column: number | null}} place
 * @param {number} line
 * @returns {import("./panels/editor.js").Span}
 */
function spanOf(place, line) {
  return { line, column: place.column, endLine: place.end_line, endColumn: place.end_column };
}

class Page {
  /** @type {State} */
  #state = START;
  /** @type {string[]} of the snippet that was run */
  #lines = [];
  /** @type {AbortController | null} */
  #running = null;
  #drawing = new Drawing();
  /** @type {WeakMap<object, StepModel>} */
  #steps = new WeakMap();
  /** Counts what was asked to be drawn, so that only the newest is. */
  #asked = 0;
  /** @type {Map<string, string>} node -> visible item */
  #shownBy = new Map();
  #editor;
  #stage;

  constructor() {
    this.#editor = new Editor(part("editor"), recall("code") ?? SNIPPET, {
      onRun: () => void this.run(),
      onEdit: () => this.#edited(),
      onLine: (line) => this.#send({ type: "select", selection: { type: "line", id: String(line) } }),
    });
    this.#stage = new Stage(part("stage"), {
      onSelect: (selection) => this.#select(selection),
      headRoom: () => (part("steps").hidden ? 30 : 78),
      onToggle: (group) => this.#send({ type: "toggle", graph: this.#subject()?.graph.id ?? "", group }),
    });
    this.#wireButtons();
    this.#wireTheme();
    fillLegend(part("legend"));
    this.#offerReset();
    void this.#greet();
  }

  async #greet() {
    const health = await askHealth();
    if (!health?.sandbox) return;
    part("unsafe").hidden = !health.sandbox.unsafe_local;
    this.#send({ type: "health", health });
  }

  #wireButtons() {
    part("run").addEventListener("click", () => void this.run());
    part("stop").addEventListener("click", () => this.#running?.abort());
    part("reset").addEventListener("click", () => {
      this.#editor.replace(SNIPPET);
      void this.run();
    });
    part("zoom-in").addEventListener("click", () => this.#stage.zoomBy(1.25));
    part("zoom-out").addEventListener("click", () => this.#stage.zoomBy(0.8));
    part("fit").addEventListener("click", () => this.#stage.fit());
    part("stage").addEventListener("keydown", (event) => this.#zoomKey(event));
    for (const tab of document.querySelectorAll("[data-tab]")) {
      tab.addEventListener("click", () => this.#openTab(/** @type {HTMLElement} */ (tab).dataset.tab ?? ""));
    }
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.defaultPrevented) return;
      event.preventDefault();
      void this.run();
    });
  }

  /** @param {KeyboardEvent} event */
  #zoomKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") this.#stage.zoomBy(1.25);
    else if (event.key === "-") this.#stage.zoomBy(0.8);
    else if (event.key === "0") this.#stage.fit();
  }

  /** @param {string} name */
  #openTab(name) {
    document.body.dataset.open = name;
    for (const tab of document.querySelectorAll("[data-tab]")) {
      tab.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (tab).dataset.tab === name));
    }
  }

  #wireTheme() {
    const button = part("theme");
    const apply = () => {
      const theme = chosenTheme();
      applyTheme(theme);
      button.textContent = { system: "Theme: auto", light: "Theme: light", dark: "Theme: dark" }[theme];
      this.#stage.redraw();
      this.#mark();
      this.#inspect();
    };
    button.addEventListener("click", () => {
      useTheme(THEMES[(THEMES.indexOf(chosenTheme()) + 1) % THEMES.length] ?? "system");
      apply();
    });
    onSystemTheme(apply);
    apply();
  }

  #offerReset() {
    part("reset").hidden = this.#editor.code === SNIPPET;
  }

  #edited() {
    const { code } = this.#editor;
    remember("code", code === SNIPPET ? null : code);
    this.#offerReset();
    this.#send({ type: "edited" });
  }

  async run() {
    if (this.#running) return;
    const control = new AbortController();
    const { code } = this.#editor;
    this.#running = control;
    this.#send({ type: "run" });
    const patience = setTimeout(() => document.body.classList.add("long"), BRIEF);
    const reply = await runSnippet(code, control.signal);
    clearTimeout(patience);
    document.body.classList.remove("long");
    this.#running = null;
    if (reply.type !== "answer") {
      this.#send(reply);
      return;
    }
    const run = readAnswer(reply.answer);
    this.#lines = code.split("\n");
    this.#send({ type: "answer", run });
    if (code !== this.#editor.code) this.#send({ type: "edited" });
  }

  /** @param {Message} message */
  #send(message) {
    const before = this.#state;
    this.#state = next(before, message, (open, group, graph) => {
      const model = this.#state.run?.graphs.get(graph);
      return model ? toggled(this.#drawing.hierarchy(model), open, group) : open;
    });
    if (this.#state !== before) this.#present(before);
  }

  /** @param {Selection | null} selection */
  #select(selection) {
    this.#send({ type: "select", selection });
    if (selection) this.#openTab("inspector");
  }

  /** @param {State} before */
  #present(before) {
    const state = this.#state;
    document.body.dataset.phase = state.phase;
    this.#editor.dim(state.stale);
    const redrawn = state.run !== before.run || state.step !== before.step || state.open !== before.open;
    if (state.run !== before.run || state.step !== before.step) this.#annotate();
    showSteps(part("steps"), state.run, state.step, (step) => this.#send({ type: "step", step }));
    if (redrawn) void this.#draw();
    if (redrawn || state.selection !== before.selection) {
      this.#mark();
      this.#inspect();
      this.#chooseLine(before);
    }
    part("summary").textContent = summary(state, this.#subject()?.graph.nodes.size ?? 0);
    showOutput(part("output-body"), state, {
      onLine: (line) => this.#goTo(line),
      onRetry: () => void this.run(),
    });
    if (state.phase !== before.phase) this.#announce();
  }

  /** @param {number} line */
  #goTo(line) {
    this.#openTab("editor");
    this.#editor.goTo(line);
    this.#send({ type: "select", selection: { type: "line", id: String(line) } });
  }

  #announce() {
    const { phase, run, trouble } = this.#state;
    const words = {
      idle: "", running: "running", stopped: "stopped", trouble: trouble?.message ?? "",
      done: run?.problem ? `${run.problem.kind} in line ${run.problem.line ?? "?"}: ${run.problem.message}` : "done",
    };
    part("live").textContent = words[phase];
  }

  /** @returns {{run: Run, graph: GraphModel, step: StepModel} | null} what the stage is about */
  #subject() {
    const { run, step: place } = this.#state;
    const raw = run?.steps[place];
    const graph = run?.graphs.get(raw?.graph ?? "");
    if (!run || !raw || !graph) return null;
    const step = this.#steps.get(raw) ?? readStep(raw);
    this.#steps.set(raw, step);
    return { run, graph, step };
  }

  #annotate() {
    const subject = this.#subject();
    const { run } = this.#state;
    const problem = run?.problem;
    const chips = run ? chipsOf(run, subject, this.#lines) : [];
    const span = problem?.line ? spanOf(problem, problem.line) : null;
    this.#editor.mark({ chips, problem: run && problem && span ? { ...problem, span } : null });
  }

  async #draw() {
    const found = this.#subject();
    const empty = !found || found.graph.nodes.size === 0;
    part("empty").hidden = !empty || this.#state.run === null;
    part("dock").hidden = empty;
    part("empty-reason").textContent = this.#state.run?.problem ? STOPPED_EARLY : NO_TENSOR;
    this.#asked += 1;
    const asked = this.#asked;
    part("stage").dataset.asked = String(asked);
    part("layout-failed").hidden = true;
    if (empty) {
      this.#stage.clear();
      return;
    }
    try {
      await this.#drawGraph(found, asked);
    } catch (error) {
      if (error instanceof Superseded || asked !== this.#asked) return;
      part("layout-failed").hidden = false;
      part("layout-reason").textContent = error instanceof Error ? error.message : String(error);
    }
  }

  /**
   * @param {{run: Run, graph: GraphModel, step: StepModel}} found
   * @param {number} asked
   */
  async #drawGraph({ run, graph, step }, asked) {
    const look = { steady: run.steps.length > 1, room: part("stage").clientWidth };
    const subject = { graph, step, look };
    const open = this.#state.open.get(graph.id);
    if (!open) {
      const groups = await this.#drawing.firstOpening(subject, (bounds) => this.#stage.canRead(bounds));
      if (asked === this.#asked) this.#send({ type: "open", graph: graph.id, groups });
      return;
    }
    const { picture, visible, cards, carried } = await this.#drawing.draw(subject, open);
    if (asked !== this.#asked) return;
    this.#shownBy = visible.shownBy;
    const { containers } = this.#drawing.hierarchy(graph);
    const carriedBy = (/** @type {string} */ id) => carried.get(id) ?? { forward: true, backward: false, label: "" };
    this.#stage.show({ structure: graph.id, picture, cards, containers, carriedBy });
    part("stage").dataset.drawn = String(asked);
    this.#mark();
  }

  #mark() {
    const subject = this.#subject();
    const { selection } = this.#state;
    if (!subject) return;
    const items = new Set();
    const edges = new Set();
    if (selection?.type === "node") items.add(this.#shownBy.get(selection.id) ?? selection.id);
    if (selection?.type === "edge" || selection?.type === "edges") for (const id of selection.id.split(" ")) edges.add(id);
    if (selection?.type === "line") {
      for (const node of subject.graph.nodes.values()) {
        if (node.line === Number(selection.id)) items.add(this.#shownBy.get(node.id) ?? node.id);
      }
    }
    this.#stage.mark({ items, edges, strong: selection?.type !== "line" });
  }

  #inspect() {
    const subject = this.#subject();
    const onSelect = (/** @type {Selection} */ selection) => {
      this.#select(selection);
      this.#stage.reveal(this.#shownBy.get(selection.id) ?? selection.id);
    };
    showInspector(part("inspector-body"), subject && { ...subject, lines: this.#lines, onSelect }, this.#state.selection);
  }

  /** @param {State} before */
  #chooseLine(before) {
    const subject = this.#subject();
    const { selection } = this.#state;
    const edge = selection?.type === "edge" ? subject?.graph.edges.get(selection.id) : undefined;
    const id = edge?.target ?? (selection?.type === "node" ? selection.id : "");
    const node = subject?.graph.nodes.get(id);
    const span = node?.line ? spanOf(node, node.line) : null;
    const whole = { column: null, end_line: null, end_column: null };
    const line = selection?.type === "line" ? spanOf(whole, Number(selection.id)) : null;
    this.#editor.choose(span ?? line, span !== null && selection !== before.selection);
  }
}

applyTheme(chosenTheme());
void new Page().run();
