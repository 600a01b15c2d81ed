/** The worker: answers each plan with its layout. */

/** @import {LayoutPlan} from "../model.d.ts" */

import { Graphviz } from "../../vendor/graphviz.js";
import { layOut } from "./engine.js";

const engine = Graphviz.load();
/** @type {Map<string, import("./dot.js").DotAnswer>} */
const known = new Map();

self.addEventListener("message", async (/** @type {MessageEvent<{id: number, plan: LayoutPlan}>} */ { data }) => {
  try {
    self.postMessage({ id: data.id, layout: { placed: layOut(await engine, data.plan, known) } });
  } catch (error) {
    self.postMessage({ id: data.id, error: error instanceof Error ? error.message : String(error) });
  }
});
