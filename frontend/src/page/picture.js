/** The stage in the page: when to draw, what is chosen on it, its buttons and keys. */

/** @import {Hierarchy, Selection, State, Visible} from "../model.d.ts" */
/** @import {Subject} from "./subject.js" */
/** @import {Store} from "./store.js" */

import { Superseded } from "../layout/layout.js";
import { Legend } from "../stage/legend.js";
import { Pointing } from "../stage/pointing.js";
import { Stage } from "../stage/stage.js";
import { part } from "./parts.js";
import { subjectOf } from "./subject.js";

const NO_TENSOR = "The snippet ran, but it made no tensor.";
const STOPPED_EARLY = "The snippet stopped before it made a tensor.";

/** What is on the stage now. @typedef {Subject & {hierarchy: Hierarchy, visible: Visible}} Seen */

export class PictureOnStage {
  #store;
  #drawing;
  #stage;
  /** Counts what was asked to be drawn, so that only the newest is. */
  #asked = 0;
  /** @type {Seen | null} */
  #seen = null;
  #foot = 0;
  /** @type {(() => void)[]} */
  #watchers = [];

  /**
   * @param {Store} store
   * @param {import("../drawing.js").Drawing} drawing
   * @param {(selection: Selection | null) => void} onSelect
   */
  constructor(store, drawing, onSelect) {
    this.#store = store;
    this.#drawing = drawing;
    this.#stage = new Stage(part("stage"), {
      onSelect,
      headRoom: () => 18,
      footRoom: () => this.#foot,
      isPresented: () => document.body.classList.contains("presenting"),
      onToggle: (group) => {
        const graph = subjectOf(store.state)?.graph;
        store.send({ type: "toggle", graph: graph?.id ?? "", group });
        if (graph?.groups.has(group)) store.send({ type: "select", selection: { type: "group", id: group } });
      },
    });
    new Pointing(part("stage"), this.#stage.root);
    new Legend(part("legend"), part("legend-open"), this.#stage);
    new ResizeObserver(() => this.#footed(part("legend").offsetHeight)).observe(part("legend"));
    this.#wireZoom();
    store.watch((state, before) => this.#present(state, before));
  }

  get stage() {
    return this.#stage;
  }

  /** @param {number} height of the legend, in pixels; 0 while it is not there */
  #footed(height) {
    if (height === 0 || height === this.#foot) return;
    this.#foot = height;
    this.#stage.refit();
  }

  get seen() {
    return this.#seen;
  }

  /** @param {() => void} watcher called after the stage was drawn or emptied */
  watch(watcher) {
    this.#watchers.push(watcher);
  }

  /** @param {string} id of a node or an edge: it, or what shows it, is brought into view */
  reveal(id) {
    this.#stage.approach(this.#seen?.visible.shownBy.get(id) ?? id);
  }

  /** Draws again what is shown, in the colours of now. */
  redraw() {
    this.#stage.redraw();
    this.#drawn();
  }

  #drawn() {
    this.#mark(this.#store.state);
    for (const watcher of this.#watchers) watcher();
  }

  #wireZoom() {
    part("zoom-in").addEventListener("click", () => this.#stage.zoomBy(1.25));
    part("zoom-out").addEventListener("click", () => this.#stage.zoomBy(0.8));
    part("fit").addEventListener("click", () => this.#stage.fit());
    part("stage").addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "+" || event.key === "=") this.#stage.zoomBy(1.25);
      else if (event.key === "-") this.#stage.zoomBy(0.8);
      else if (event.key === "0") this.#stage.fit();
    });
  }

  /**
   * @param {State} state
   * @param {State} before
   */
  #present(state, before) {
    const redrawn = state.run !== before.run || state.step !== before.step || state.open !== before.open;
    if (redrawn) void this.#draw(state);
    if (redrawn || state.selection !== before.selection) this.#mark(state);
  }

  /** @param {State} state */
  async #draw(state) {
    const found = subjectOf(state);
    if (!found && state.phase === "running") return; // no step has come yet: what is shown stays
    const empty = !found || found.graph.nodes.size === 0;
    part("empty").hidden = !empty || state.run === null;
    part("dock").hidden = empty;
    part("empty-reason").textContent = state.run?.problem ? STOPPED_EARLY : NO_TENSOR;
    this.#asked += 1;
    const asked = this.#asked;
    part("stage").dataset.asked = String(asked);
    part("layout-failed").hidden = true;
    if (empty) {
      this.#stage.clear();
      this.#seen = null;
      this.#drawn();
      return;
    }
    try {
      await this.#drawGraph(found, state, asked);
    } catch (error) {
      if (error instanceof Superseded || asked !== this.#asked) return;
      part("layout-failed").hidden = false;
      part("layout-reason").textContent = error instanceof Error ? error.message : String(error);
    }
  }

  /**
   * @param {Subject} subject
   * @param {State} state
   * @param {number} asked
   */
  async #drawGraph({ run, graph, step }, state, asked) {
    const look = { steady: run.looping, room: part("stage").clientWidth };
    const subject = { graph, step, look };
    const open = state.open.get(graph.id);
    if (!open) {
      const groups = await this.#drawing.firstOpening(subject, this.#stage);
      if (asked === this.#asked) this.#store.send({ type: "open", graph: graph.id, groups });
      return;
    }
    const { picture, visible, cards, carried } = await this.#drawing.draw(subject, open);
    if (asked !== this.#asked) return;
    const hierarchy = this.#drawing.hierarchy(graph);
    const { containers } = hierarchy;
    this.#seen = { run, graph, step, hierarchy, visible };
    const carriedBy = (/** @type {string} */ id) => carried.get(id) ?? { forward: true, backward: false, label: "" };
    const links = () => linksOf(graph, visible.shownBy);
    this.#stage.show({ structure: graph.id, picture, cards, containers, carriedBy, links });
    part("stage").dataset.drawn = String(asked);
    this.#drawn();
  }

  /** @param {State} state */
  #mark(state) {
    const subject = subjectOf(state);
    const { selection } = state;
    const shownBy = this.#seen?.visible.shownBy;
    if (!subject) return;
    const items = new Set();
    const edges = new Set();
    if (selection?.type === "group") items.add(selection.id);
    if (selection?.type === "node") items.add(shownBy?.get(selection.id) ?? selection.id);
    if (selection?.type === "edge" || selection?.type === "edges") for (const id of selection.id.split(" ")) edges.add(id);
    if (selection?.type === "line") {
      for (const node of subject.graph.nodes.values()) {
        if (node.line === Number(selection.id)) items.add(shownBy?.get(node.id) ?? node.id);
      }
    }
    this.#stage.mark({ items, edges, strong: selection?.type !== "line" });
  }
}

/**
 * @param {import("../model.d.ts").GraphModel} graph
 * @param {Map<string, string>} shownBy node -> visible item
 * @returns {import("../stage/travel.js").Link[]}
 */
function linksOf(graph, shownBy) {
  return [...graph.edges.values()].map(({ source, target }) => ({ from: shownBy.get(source) ?? "", to: shownBy.get(target) ?? "" }));
}
