/** The worker: answers each plan with its layout. */

/** @import {LayoutPlan, PlacedContainer} from "../model.d.ts" */

import { Graphviz } from "../../vendor/graphviz.js";
import { layOut, warmed } from "./engine.js";

const engine = Graphviz.load().then(warmed);
/** @type {Map<string, PlacedContainer>} */
const known = new Map();

self.addEventListener("message", async (/** @type {MessageEvent<{id: number, plan: LayoutPlan}>} */ { data }) => {
  try {
    self.postMessage({ id: data.id, layout: { placed: layOut(await engine, data.plan, known) } });
  } catch (error) {
    self.postMessage({ id: data.id, error: error instanceof Error ? error.message : String(error) });
  }
});
