/** The word in the bar on how a run is going, and the line below it that fills. */

/** @import {Store} from "./store.js" */

import { linkText, shareOf, showLive, showProgress } from "../panels/progress.js";
import { part } from "./parts.js";

/**
 * @param {Store} store
 * @param {HTMLElement} slot for the button that follows the newest step
 */
export function wireProgress(store, slot) {
  const bar = part("progress-bar");
  store.watch((state, before) => {
    showProgress(part("progress"), state);
    showLive(slot, state, (live) => store.send({ type: "live", live }));
    const share = shareOf(state);
    bar.classList.toggle("measured", share !== null);
    bar.style.transform = share === null ? "" : `scaleX(${share})`;
    if (state.link !== before.link && state.link.state !== "fine") part("live").textContent = linkText(state.link);
  });
}
