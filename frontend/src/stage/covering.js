/** Whether what stands over the stage covers something of the picture below it. */

/** @import {Box} from "../model.d.ts" */
/** @import {Stage} from "./stage.js" */

/** So long the view must rest before what stands over it goes out of the way, in milliseconds. */
const RESTED = 180;

/**
 * @param {() => void} act once nothing has moved for a while
 * @returns {() => void} to be called when something moves
 */
export function rested(act) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = window.setTimeout(act, RESTED);
  };
}

/**
 * @param {Stage} stage
 * @param {Box} place on the stage, in pixels
 * @returns {boolean} no node and no closed group is below it
 */
export function isFree(stage, { x: left, y: top, width, height }) {
  const { k, x, y } = stage.view;
  for (const box of stage.shown?.picture.boxes.values() ?? []) {
    const [from, above] = [box.x * k + x, box.y * k + y];
    const across = from < left + width && from + box.width * k > left;
    if (across && above < top + height && above + box.height * k > top) return false;
  }
  return true;
}
