/** Light, dark, or as the system says. */

import { recall, remember } from "./memory.js";

/** @typedef {"system" | "light" | "dark"} Theme */

/** @type {Theme[]} */
export const THEMES = ["system", "light", "dark"];
const DARK = matchMedia("(prefers-color-scheme: dark)");

/** @returns {Theme} */
export function chosenTheme() {
  const stored = recall("theme");
  return THEMES.find((theme) => theme === stored) ?? "system";
}

/** @param {Theme} theme */
export function useTheme(theme) {
  remember("theme", theme === "system" ? null : theme);
  applyTheme(theme);
}

/** @param {Theme} theme */
export function applyTheme(theme) {
  const dark = theme === "dark" || (theme === "system" && DARK.matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}

/** @param {() => void} listener called when the system changes its mind */
export function onSystemTheme(listener) {
  DARK.addEventListener("change", listener);
}
