/** Which panel a narrow page shows below the graph, if any; a wide one shows them all. */

/** @import {Store} from "./store.js" */

import { openTab, tabs } from "./parts.js";

/** There is room for the graph or for a panel beside it, hardly for both. */
const PHONE = matchMedia("(max-width: 560px)");

/** @param {Store} store */
export function wireTabs(store) {
  for (const tab of tabs()) tab.addEventListener("click", () => openTab(tab.dataset.tab ?? ""));
  if (!PHONE.matches) openTab("editor");
  store.watch((state, before) => {
    const { problem } = state.run ?? {};
    if (problem && problem !== before.run?.problem && state.run?.status !== "cancelled") turnTo("editor");
    else if (state.phase === "trouble" && before.phase !== "trouble") turnTo("output");
  });
}

/** @param {string} panel that has something to say which the graph alone does not show */
function turnTo(panel) {
  if (isGraphAlone()) openTab(panel);
}

/** @returns {boolean} where the page is narrow: no panel is open */
export function isGraphAlone() {
  return document.body.dataset.open === "stage";
}
