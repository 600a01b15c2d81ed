/** The stage's tools: open and close all, search, the path to the loss, colours by a measure, the map, where one is. */

/** @import {State} from "../model.d.ts" */
/** @import {Measure} from "../measure.js" */
/** @import {Found} from "../search.js" */
/** @import {PictureOnStage, Seen} from "./picture.js" */
/** @import {Store} from "./store.js" */

import { allOpen, LIMIT, openedTo } from "../layout/opening.js";
import { measured } from "../measure.js";
import { recall, remember } from "../memory.js";
import { countText } from "../number.js";
import { pathBetween } from "../path.js";
import { Minimap } from "../stage/minimap.js";
import { dimBeside, highlight, tint } from "../stage/tint.js";
import { showCrumbs } from "./crumbs.js";
import { wireMenu } from "./menu.js";
import { part } from "./parts.js";
import { wireSaving } from "./saving.js";
import { Searching } from "./searching.js";

/** For so many milliseconds a word about what was done is shown. */
const SAID = 6000;
/** @type {Record<Measure, string>} */
const MEASURES = { gradient: "gradient norm", range: "largest magnitude of the value", saved: "bytes saved for backward" };

export class Tools {
  #store;
  #picture;
  #searching;
  /** @type {Found[]} */
  #found = [];
  /** @type {Measure | null} */
  #measure = null;
  /** The node whose way to the loss is shown. @type {string | null} */
  #from = null;
  /** A group, or a node. @type {string | null} */
  #focus = null;
  /** The graph that is on the stage. @type {string | null} */
  #graph = null;
  /** What to bring into view once it is drawn. @type {string | null} */
  #awaited = null;
  #said = 0;

  /**
   * @param {Store} store
   * @param {PictureOnStage} picture
   */
  constructor(store, picture) {
    this.#store = store;
    this.#picture = picture;
    this.#searching = new Searching({
      searched: () => picture.seen,
      onJump: (found) => this.#jump(found),
      onFound: (found) => this.#mark(found),
    });
    new Minimap(part("minimap"), picture.stage);
    part("open-all").addEventListener("click", () => this.#openAll());
    part("close-all").addEventListener("click", () => this.#closeAll());
    part("path").addEventListener("click", () => this.#togglePath());
    wireMenu("measure-open", "measure-menu");
    wireMenu("save-open", "save-menu");
    wireSaving(store, picture, (words) => this.#say(words));
    this.#wireMeasure();
    picture.watch(() => this.#drawn());
    store.watch((state, before) => this.#present(state, before));
  }

  #wireMeasure() {
    const known = recall("measure");
    for (const input of document.querySelectorAll("#measure-menu input")) {
      const choice = /** @type {HTMLInputElement} */ (input);
      if (choice.value === known) choice.checked = true;
      choice.addEventListener("change", () => this.#choose(choice.value));
    }
    this.#choose(known ?? "");
  }

  /** @param {string} value "" for none */
  #choose(value) {
    this.#measure = Object.hasOwn(MEASURES, value) ? /** @type {Measure} */ (value) : null;
    remember("measure", this.#measure);
    part("measure-open").setAttribute("aria-pressed", String(this.#measure !== null));
    this.#tint();
  }

  /**
   * @param {State} state
   * @param {State} before
   */
  #present(state, before) {
    if (state.selection !== before.selection) {
      if (state.selection?.type === "node") this.#focus = state.selection.id;
      if (state.selection === null && this.#from !== null) this.#from = null;
      else if (state.selection?.type === "node" && this.#from !== null) this.#from = state.selection.id;
      this.#showPath();
    }
    for (const [graph, open] of state.open) {
      const was = before.open.get(graph);
      const opened = [...open].filter((id) => was && !was.has(id));
      if (opened.length === 1) this.#focus = opened[0] ?? null;
    }
    this.#showCrumbs();
  }

  #drawn() {
    const graph = this.#picture.seen?.graph.id ?? null;
    if (graph !== this.#graph) this.#focus = null; // its ids are those of another graph
    this.#graph = graph;
    this.#tint();
    this.#showPath();
    this.#showCrumbs();
    this.#searching.refresh();
    this.#mark(this.#found);
    if (this.#awaited !== null) this.#picture.reveal(this.#awaited);
    this.#awaited = null;
    const { seen } = this.#picture;
    const groups = seen ? seen.hierarchy.containers.size - 1 : 0;
    part("open-all").toggleAttribute("disabled", groups === 0);
    part("close-all").toggleAttribute("disabled", groups === 0);
  }

  #openAll() {
    const { seen } = this.#picture;
    if (!seen) return;
    const { open, closed } = allOpen(seen.hierarchy);
    this.#picture.stage.lookAfresh();
    this.#send(seen, open);
    if (closed > 0) this.#say(`${countText(closed, "group")} stayed closed: the stage holds ${LIMIT.toLocaleString("en-US")} things at once.`);
  }

  #closeAll() {
    const { seen } = this.#picture;
    this.#focus = null;
    this.#picture.stage.lookAfresh();
    if (seen) this.#send(seen, new Set([""]));
  }

  /**
   * @param {Seen} seen
   * @param {ReadonlySet<string>} groups
   */
  #send(seen, groups) {
    this.#store.send({ type: "open", graph: seen.graph.id, groups });
  }

  /** @param {string} words */
  #say(words) {
    const place = part("stage-note");
    place.textContent = words;
    place.hidden = false;
    clearTimeout(this.#said);
    this.#said = window.setTimeout(() => {
      place.hidden = true;
    }, SAID);
  }

  /** @param {Found} found */
  #jump({ id, kind }) {
    const { seen } = this.#picture;
    if (!seen) return;
    const open = this.#store.state.open.get(seen.graph.id) ?? new Set([""]);
    const wanted = openedTo(seen.hierarchy, open, id);
    this.#focus = id;
    if (kind === "node") this.#store.send({ type: "select", selection: { type: "node", id } });
    if (wanted === open) this.#picture.reveal(id);
    else {
      this.#awaited = id;
      this.#send(seen, wanted);
    }
    this.#showCrumbs();
  }

  /** @param {Found[]} found */
  #mark(found) {
    this.#found = found;
    const shownBy = this.#picture.seen?.visible.shownBy;
    highlight(this.#picture.stage.layers, new Set(found.map(({ id }) => shownBy?.get(id) ?? id)));
  }

  #togglePath() {
    const { selection } = this.#store.state;
    if (this.#from !== null) this.#from = null;
    else if (selection?.type === "node") this.#from = selection.id;
    else this.#say("Choose a node first: then its way to the loss, on which its gradient came back, is shown.");
    this.#showPath();
  }

  #showPath() {
    const { seen, stage } = this.#picture;
    const loss = seen?.step.lossNode ?? null;
    part("path").setAttribute("aria-pressed", String(this.#from !== null));
    if (!seen || this.#from === null) return dimBeside(stage.layers, null);
    const path = loss === null ? null : pathBetween(seen.graph, this.#from, loss);
    if (!path || path.nodes.size === 0) {
      this.#from = null;
      part("path").setAttribute("aria-pressed", "false");
      this.#say(loss === null ? "This step has no loss: backward did not run." : "No way leads from this node to the loss.");
      return dimBeside(stage.layers, null);
    }
    const items = new Set([...path.nodes].map((id) => seen.visible.shownBy.get(id) ?? id));
    return dimBeside(stage.layers, { items, edges: path.edges });
  }

  #tint() {
    const { seen, stage } = this.#picture;
    const key = part("measure-key");
    key.hidden = this.#measure === null || !seen;
    stage.root.classList.toggle("measured", this.#measure !== null);
    if (this.#measure === null || !seen) return tint(stage.layers, null);
    const found = measured(this.#measure, seen);
    tint(stage.layers, found);
    part("measure-name").textContent = MEASURES[this.#measure];
    [...part("measure-ticks").children].forEach((tick, i) => {
      tick.textContent = found.ticks[i] ?? "";
    });
    return undefined;
  }

  #showCrumbs() {
    const { seen, stage } = this.#picture;
    showCrumbs(seen?.hierarchy ?? null, this.#focus, (group) => (group === "" ? stage.fit() : stage.zoomTo(group)));
  }
}
