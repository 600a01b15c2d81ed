// Pan, zoom and motion. d3-transition adds `.transition()` to selections by being imported.
import "d3-transition";
export { easeCubic, easeCubicIn, easeCubicInOut, easeCubicOut, easeLinear } from "d3-ease";
export { interpolate, interpolateNumber, interpolateRgb, interpolateString, interpolateZoom } from "d3-interpolate";
export { pointer, select, selectAll } from "d3-selection";
export { interrupt, transition } from "d3-transition";
export { zoom, zoomIdentity, zoomTransform, ZoomTransform } from "d3-zoom";
