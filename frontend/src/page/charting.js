/** The charts in the page. */

/** @import {State} from "../model.d.ts" */
/** @import {Choices} from "../panels/charts.js" */
/** @import {Store} from "./store.js" */

import { recall, remember } from "../memory.js";
import { Charts } from "../panels/charts.js";
import { placeOf } from "../run.js";
import { openTab, part } from "./parts.js";

/**
 * @param {Store} store
 * @returns {Charts}
 */
export function wireCharts(store) {
  const charts = new Charts(part("charts"), choices(), {
    onStep: (index) => store.send({ type: "step", step: nearest(store.state, index) }),
    onMove: (by) => store.send({ type: "step", step: moved(store.state, by) }),
    onChoices: (chosen) => remember("charts", JSON.stringify(chosen)),
  });
  store.watch((state, before) => {
    const { run, step, previous } = state;
    if (run === before.run && step === before.step && previous === before.previous) return;
    charts.show(run && { run, previous, step: run.steps[step]?.index ?? 0 });
    part("charts-tab").hidden = !charts.filled;
    if (!charts.filled && document.body.dataset.open === "charts") openTab("editor");
  });
  return charts;
}

/** @returns {Choices} */
function choices() {
  try {
    return { tab: "loss", compare: true, ...JSON.parse(recall("charts") ?? "{}") };
  } catch {
    return { tab: "loss", compare: true };
  }
}

/**
 * @param {State} state
 * @param {number} index of an iteration
 * @returns {number} place of the step that is nearest to it
 */
function nearest({ run }, index) {
  const steps = run?.steps ?? [];
  const place = placeOf(steps, index);
  const [here, after] = [steps[place]?.index ?? 0, steps[place + 1]?.index ?? Infinity];
  return after - index < index - here ? place + 1 : place;
}

/**
 * @param {State} state
 * @param {number} by
 * @returns {number}
 */
function moved({ run, step }, by) {
  const last = (run?.steps.length ?? 1) - 1;
  return Math.max(0, Math.min(last, step + by));
}
