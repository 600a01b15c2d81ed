/** Comes first, because it takes longest: the worker that lays pictures out starts while the page loads. */

import { startEarly } from "./layout/layout.js";

startEarly();
