/** The templates of the panels; the only importer of lit. */

export { html, nothing, render } from "../../vendor/lit.js";
