/** Wiring: makes the parts of the page and connects them. What each part does is in `page/`. */

/** @import {Message, Selection, State} from "./model.d.ts" */

import { Drawing } from "./drawing.js";
import { toggled } from "./layout/opening.js";
import { wireCharts } from "./page/charting.js";
import { Code } from "./page/code.js";
import { inspect, wireInspector, wireMoment } from "./page/inspecting.js";
import { openTab } from "./page/parts.js";
import { PictureOnStage } from "./page/picture.js";
import { Playing } from "./page/playing.js";
import { Presenting } from "./page/presenting.js";
import { wireProgress } from "./page/progressing.js";
import { Running } from "./page/running.js";
import { wireSplitters } from "./page/splitters.js";
import { Store } from "./page/store.js";
import { greet, tellOutput } from "./page/telling.js";
import { Tools } from "./page/tools.js";
import { isGraphAlone, wireTabs } from "./page/tabs.js";
import { wireTheme } from "./page/theming.js";
import { next } from "./run.js";
import { applyTheme, chosenTheme } from "./theme.js";

applyTheme(chosenTheme());

const drawing = new Drawing();
const store = new Store((/** @type {State} */ state, /** @type {Message} */ message) =>
  next(state, message, (open, group, id) => {
    const graph = state.run?.graphs.get(id);
    return graph ? toggled(drawing.hierarchy(graph), open, group) : open;
  }),
);

/** @param {Selection | null} selection */
function select(selection) {
  store.send({ type: "select", selection });
  if (selection && !isGraphAlone()) openTab("inspector");
}

/** @param {Selection} selection */
function selectAndReveal(selection) {
  select(selection);
  picture.reveal(selection.id);
}

/**
 * @param {string} id
 * @param {number | null} index of the step that has the node
 */
function showNode(id, index) {
  const place = store.state.run?.steps.findIndex((step) => step.index === index) ?? -1;
  if (place >= 0) store.send({ type: "step", step: place });
  selectAndReveal({ type: "node", id });
}

// Watchers hear of a change in this order: the words and the timeline first, then what is measured against them.
const code = new Code(store, () => void running.run(), showNode);
const running = new Running(store, () => code.text);
const charts = wireCharts(store);
const picture = new PictureOnStage(store, drawing, select);
new Tools(store, picture);
wireInspector(store, selectAndReveal);
const playing = new Playing(store, picture, code);
wireMoment(playing);
wireProgress(store, playing.slot);
void new Presenting(playing, picture);
if (Code.isFirstVisit()) playing.welcome();
tellOutput(store, {
  onLine: (line) => code.goTo(line),
  onRetry: () => void running.run(),
  onFix: (fix) => code.apply(fix),
  onNode: showNode,
});
wireTabs(store);
wireSplitters();
wireTheme(() => {
  picture.redraw();
  charts.redraw();
  inspect(store.state, selectAndReveal);
});
void greet(store);
void running.run();
