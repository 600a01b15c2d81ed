/** The charts: loss, parameters and gradient norms against steps, this run's over those of the run before. */

/** @import {Curves, Series} from "../curves.js" */
/** @import {Run} from "../model.d.ts" */
/** @import {Tab} from "./lines.js" */
/** @import {Figure, Plot} from "./plot.js" */

import { countText, numberText } from "../number.js";
import { stepText, turnText } from "../run.js";
import { align, firstOdd, inWords, logHelps, reach, sample, seriesOf, TABS } from "./lines.js";
import { html, nothing, render } from "./template.js";

/**
 * @typedef {object} Shown
 * @property {Run} run
 * @property {Curves | null} previous
 * @property {number} step index of the one that is shown
 *
 * @typedef {object} Choices what the learner has chosen; remembered
 * @property {Tab} tab
 * @property {boolean} compare
 *
 * @typedef {object} Actions
 * @property {(step: number) => void} onStep an iteration, of which there may be no step
 * @property {(by: number) => void} onMove so many steps further
 * @property {(choices: Choices) => void} onChoices
 */

/** Keys on a chart -> steps; the largest are the ends. */
const KEYS = new Map([
  ["ArrowLeft", -1], ["ArrowDown", -1], ["ArrowRight", 1], ["ArrowUp", 1], ["PageUp", 10], ["PageDown", -10],
  ["Home", -Infinity], ["End", Infinity],
]);

export class Charts {
  #host;
  #actions;
  #choices;
  #frame = document.createElement("div");
  /** Comes with the first chart: a page without one does not load it. @type {Plot | null} */
  #plot = null;
  #loading = false;
  /** @type {Figure | null} */
  #figure = null;
  /** @type {Shown | null} */
  #shown = null;
  /** Scale of powers, per tab, where the learner has chosen. @type {Map<Tab, boolean>} */
  #log = new Map();
  /** A scale that has become one of powers stays so for the run. */
  #logSince = { run: 0, /** @type {Set<Tab>} */ tabs: new Set() };
  /** @type {number | null} */
  #hovered = null;
  /** What the last lines were made of. */
  #made = { key: "", xs: /** @type {number[]} */ ([]), ys: /** @type {(number | null)[][]} */ ([]) };

  /**
   * @param {HTMLElement} host hidden while there is nothing to plot
   * @param {Choices} choices
   * @param {Actions} actions
   */
  constructor(host, choices, actions) {
    this.#host = host;
    this.#choices = choices;
    this.#actions = actions;
    this.#frame.className = "plot-frame";
  }

  async #load() {
    if (this.#loading) return;
    this.#loading = true;
    const library = await import("./plot.js").catch(() => null);
    this.#loading = false;
    if (!library) return; // the server is away: the next thing to draw asks again
    this.#plot = new library.Plot(this.#frame, {
      onChoose: (x) => this.#actions.onStep(x - 1),
      onHover: (x) => this.#hover(x),
    });
    if (this.#figure) this.#plot.show(this.#figure);
  }

  /** @returns {boolean} there is something to plot */
  get filled() {
    return this.#tabs().length > 0;
  }

  /** @param {Shown | null} shown */
  show(shown) {
    this.#shown = shown;
    this.#draw();
  }

  /** Draws again, in the colours of now. */
  redraw() {
    this.#plot?.redraw();
  }

  #tabs() {
    const curves = this.#shown?.run.looping ? this.#shown.run.curves : null;
    return curves ? TABS.filter(([tab]) => seriesOf(curves, tab).some(({ length }) => length > 1)) : [];
  }

  /** @param {number | null} x */
  #hover(x) {
    const step = x === null ? null : x - 1;
    if (step === this.#hovered) return;
    this.#hovered = step;
    this.#draw();
  }

  /** @param {Partial<Choices>} choices */
  #choose(choices) {
    this.#choices = { ...this.#choices, ...choices };
    this.#actions.onChoices(this.#choices);
    this.#draw();
  }

  #draw() {
    const tabs = this.#tabs();
    this.#host.hidden = tabs.length === 0;
    if (!this.#shown || tabs.length === 0) return;
    const { run, previous } = this.#shown;
    const tab = tabs.some(([name]) => name === this.#choices.tab) ? this.#choices.tab : (tabs[0]?.[0] ?? "loss");
    const all = seriesOf(run.curves, tab);
    const own = sample(all);
    const before = previous && this.#choices.compare ? matching(own, seriesOf(previous, tab)) : [];
    const log = this.#logs(tab, [...own, ...before], run);
    render(this.#view({ tabs, tab, own, all, before, log }), this.#host);
    this.#plotLines(tab, own, before, log);
  }

  /**
   * @param {Tab} tab
   * @param {Series[]} lines
   * @param {Run} run
   */
  #logs(tab, lines, run) {
    if (this.#logSince.run !== run.number) this.#logSince = { run: run.number, tabs: new Set() };
    const { tabs } = this.#logSince;
    if (logHelps(lines)) tabs.add(tab);
    return this.#log.get(tab) ?? tabs.has(tab);
  }

  /**
   * @param {Tab} tab
   * @param {Series[]} own
   * @param {Series[]} before
   * @param {boolean} log
   */
  #plotLines(tab, own, before, log) {
    const { run, step } = /** @type {Shown} */ (this.#shown);
    const lines = [...own, ...before];
    const key = [run.number, run.curves.version, tab, log, before.length, lines.map(({ name }) => name).join()].join(" ");
    if (key !== this.#made.key) this.#made = { key, ...align(lines, log) };
    const odd = own.length === 1 ? firstOdd(own[0]) : null;
    const { xs, ys } = this.#made;
    this.#figure = {
      xs, ys, log, current: step + 1, odd: odd && { x: odd.step + 1, word: odd.word },
      end: endOf(run, Math.max(run.iterations, xs.at(-1) ?? 0)),
      lines: lines.map(({ name }, i) => ({
        label: name, before: i >= own.length, colour: i < own.length ? colourOf(i) : "--quiet",
      })),
    };
    if (this.#plot) this.#plot.show(this.#figure);
    else void this.#load();
  }

  /**
   * @param {{tabs: [Tab, string][], tab: Tab, own: Series[], all: Series[], before: Series[], log: boolean}} drawn
   */
  #view({ tabs, tab, own, all, before, log }) {
    const { run, previous } = /** @type {Shown} */ (this.#shown);
    const comparable = previous !== null && matching(own, seriesOf(previous, tab)).length > 0;
    const odd = firstOdd(run.curves.loss);
    const toggle = (/** @type {{target: HTMLInputElement}} */ { target }) => this.#choose({ compare: target.checked });
    const scale = (/** @type {{target: HTMLInputElement}} */ { target }) => {
      this.#log.set(tab, target.checked);
      this.#draw();
    };
    return html`
      <div class="charts-head">
        <div class="chart-tabs" role="group" aria-label="Charts">
          ${tabs.map(([name, label]) => html`<button type="button" aria-pressed=${name === tab} @click=${() => this.#choose({ tab: name })}>${label}</button>`)}
        </div>
        ${odd ? html`<button type="button" class="odd" data-odd @click=${() => this.#actions.onStep(odd.step)}>loss is ${odd.word} from step ${odd.step + 1}</button>` : nothing}
        <label class="chart-toggle"><input type="checkbox" data-log .checked=${log} @change=${scale} />log</label>
      </div>
      <div class="chart-legend">
        ${this.#readout(own, all, before)}
        ${comparable
          ? html`<label class="chart-toggle before"><input type="checkbox" data-compare .checked=${before.length > 0} @change=${toggle} />last run</label>`
          : nothing}
      </div>
      ${this.#slider(tab, own)}
    `;
  }

  /**
   * @param {Series[]} own
   * @param {Series[]} all
   * @param {Series[]} before
   */
  #readout(own, all, before) {
    const { run, step } = /** @type {Shown} */ (this.#shown);
    const at = this.#hovered ?? step;
    const value = (/** @type {Series | undefined} */ series) => numberText(series?.at(at));
    return html`<p class="chart-readout" data-readout>
      <span class="chart-step">${at < run.iterations ? `step ${(at + 1).toLocaleString("en-US")}` : stepText(run, at).toLowerCase()}</span>
      ${own.map(
        (series, i) => html`<button type="button" class="chart-line line-${(i % 8) + 1}"
            @pointerenter=${() => this.#plot?.emphasise(i)} @pointerleave=${() => this.#plot?.emphasise(null)}
            @focus=${() => this.#plot?.emphasise(i)} @blur=${() => this.#plot?.emphasise(null)}>
            ${series.isNorm ? html`‖${series.name}‖` : series.name} <strong>${value(series)}</strong>
            ${before.length > 0 ? html`<span class="quiet">(${value(before.find(({ name }) => name === series.name))})</span>` : nothing}
          </button>`,
      )}
      ${all.length > own.length ? html`<span class="quiet">${own.length} of ${countText(all.length, "line")}</span>` : nothing}
    </p>`;
  }

  /**
   * @param {Tab} tab
   * @param {Series[]} own
   */
  #slider(tab, own) {
    const { run, step } = /** @type {Shown} */ (this.#shown);
    const label = TABS.find(([name]) => name === tab)?.[1] ?? "";
    const loss = run.curves.loss?.at(step);
    const turn = turnText(run, step);
    const text = [stepText(run, step), ...(turn ? [turn] : []), ...(loss === undefined ? [] : [`loss ${numberText(loss)}`])].join(", ");
    return html`<div
        class="plot" tabindex="0" role="slider" aria-label="${label} by step" aria-describedby="chart-words"
        aria-valuemin="1" aria-valuemax=${run.iterations} aria-valuenow=${step + 1} aria-valuetext=${text}
        @keydown=${(/** @type {KeyboardEvent} */ event) => this.#key(event)}>${this.#frame}</div>
      <p id="chart-words" class="visually-hidden">${own.map(inWords).join("; ")}</p>`;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const by = KEYS.get(event.key);
    if (by === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.#actions.onMove(by);
  }
}

/**
 * @param {Series[]} own
 * @param {Series[]} theirs
 * @returns {Series[]} those with a name that this run has too
 */
function matching(own, theirs) {
  return theirs.filter(({ name, length }) => length > 1 && own.some((series) => series.name === name));
}

/**
 * @param {Run} run
 * @param {number} reached
 * @returns {number} where the axis of steps ends
 */
function endOf({ status, progress }, reached) {
  return status === "running" ? reach(reached, progress?.total ?? 0) : reached;
}

/** @param {number} place */
function colourOf(place) {
  return `--series-${(place % 8) + 1}`;
}
