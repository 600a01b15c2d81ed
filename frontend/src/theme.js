/** Light, dark, high contrast, or as the system says. */

import { recall, remember } from "./memory.js";

/** @typedef {"system" | "light" | "dark" | "contrast"} Theme */

/** @type {Theme[]} */
export const THEMES = ["system", "light", "dark", "contrast"];
const DARK = matchMedia("(prefers-color-scheme: dark)");
const MORE = matchMedia("(prefers-contrast: more)");

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

/** @param {Theme} theme high contrast is light or dark as the system is */
export function applyTheme(theme) {
  const { dataset } = document.documentElement;
  dataset.theme = theme === "system" ? ofSystem() : theme;
  dataset.ground = DARK.matches ? "dark" : "light";
}

/** @returns {"light" | "dark" | "contrast"} */
function ofSystem() {
  if (MORE.matches) return "contrast";
  return DARK.matches ? "dark" : "light";
}

/** @param {() => void} listener called when the system changes its mind */
export function onSystemTheme(listener) {
  for (const query of [DARK, MORE]) query.addEventListener("change", listener);
}
