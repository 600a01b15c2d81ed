/** Saves what is on the stage: as SVG, as PNG, and the trace behind it as JSON. */

/** @import {PictureOnStage} from "./picture.js" */
/** @import {Store} from "./store.js" */

import { answerParts, missingOf } from "../answer.js";
import { fetchFace } from "../download.js";
import { pngOf, svgText } from "../stage/export.js";
import { part } from "./parts.js";

const SCALE = 2;

/**
 * @param {Store} store
 * @param {PictureOnStage} picture
 * @param {(words: string) => void} say
 */
export function wireSaving(store, picture, say) {
  const on = (/** @type {string} */ id, /** @type {() => Promise<void>} */ save) => {
    part(id).addEventListener("click", () => {
      save().catch((error) => say(`It could not be saved: ${error instanceof Error ? error.message : error}`));
    });
  };
  const text = async () => {
    const { root, shown } = picture.stage;
    if (!shown) throw new Error("nothing is on the stage");
    picture.stage.layers.fillAll();
    return { bounds: shown.picture.bounds, text: svgText(root, shown.picture.bounds, await fetchFace()) };
  };
  on("save-svg", async () => offer(new Blob([(await text()).text], { type: "image/svg+xml" }), "chainrule.svg"));
  on("save-png", async () => {
    const { text: drawn, bounds } = await text();
    offer(await pngOf(drawn, bounds, SCALE), "chainrule.png");
  });
  on("save-json", async () => {
    const { run } = store.state;
    if (!run) throw new Error("nothing was run");
    offer(new Blob([...answerParts(run)], { type: "application/json" }), "chainrule.json");
    const missing = missingOf(run);
    if (missing.length > 0) say(`Saved what is here. Missing: ${missing.join("; ")}.`);
  });
}

/**
 * @param {Blob} blob
 * @param {string} name
 */
function offer(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
