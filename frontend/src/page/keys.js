/** The keys of the playback. */

/** @import {Command} from "../player.js" */

/** @type {ReadonlyMap<string, Command>} */
const PLAIN = new Map([
  [" ", { type: "toggle" }], ["ArrowLeft", { type: "event", by: -1 }], ["ArrowRight", { type: "event", by: 1 }],
  ["Home", { type: "home" }], ["End", { type: "end" }], ["[", { type: "faster", by: -1 }], ["]", { type: "faster", by: 1 }],
]);
/** @type {ReadonlyMap<string, Command>} */
const SHIFTED = new Map([
  ["ArrowLeft", { type: "step", by: -1 }], ["ArrowRight", { type: "step", by: 1 }],
]);

/** Things that are typed into, or that have a use of their own for these keys. */
const TYPED = [
  "#editor", "textarea", "select", "[contenteditable]", "dialog", "[role=menu]", "[role=listbox]", "[role=separator]",
  "input:not([type=range])",
].join();
const PRESSED = "button, a[href], summary, [role=button], [role=tab]";

/**
 * @param {KeyboardEvent} event
 * @returns {boolean} the key is a letter of something, or chooses in a list
 */
export function isTyped({ target }) {
  return target instanceof Element && target.closest(TYPED) !== null;
}

/**
 * @param {KeyboardEvent} event
 * @param {boolean} pointed the focus was set with a pointer: keys are meant for the playback, not for what was clicked
 * @returns {Command | null} null where the key is not the playback's
 */
export function commandOf(event, pointed) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return null;
  const command = (event.shiftKey ? SHIFTED : PLAIN).get(event.key) ?? null;
  const target = event.target instanceof Element ? event.target : null;
  if (!command || !target) return command;
  if (isTyped(event)) return null;
  const onStage = target.closest(".stage-svg") !== null;
  if (onStage) return pointed || !event.key.startsWith("Arrow") && event.key !== " " ? command : null;
  if (event.key === " " && target.closest(PRESSED)) return null;
  if (target.matches("input[type=range]:not(.scrubber), [role=slider]") && !event.shiftKey && event.key !== " ") return null;
  return target.closest(".scroll") && /^(Home|End)$/.test(event.key) ? null : command;
}
