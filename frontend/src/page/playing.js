/** The timeline in the page. */

/** @import {Store} from "./store.js" */

import { showTimeline } from "../panels/timeline.js";
import { part } from "./parts.js";

/** @param {Store} store */
export function wireTimeline(store) {
  store.watch((state) => showTimeline(part("timeline"), state.run, state.step, (step) => store.send({ type: "step", step })));
}
