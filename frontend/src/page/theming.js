/** The button that chooses light, dark, high contrast, or as the system says. */

import { applyTheme, chosenTheme, onSystemTheme, THEMES, useTheme } from "../theme.js";
import { part } from "./parts.js";

/** @param {() => void} redraw what is drawn in colours that no style sheet changes */
export function wireTheme(redraw) {
  const button = part("theme");
  const apply = () => {
    const theme = chosenTheme();
    applyTheme(theme);
    button.textContent = `Theme: ${{ system: "auto", light: "light", dark: "dark", contrast: "contrast" }[theme]}`;
    redraw();
  };
  button.addEventListener("click", () => {
    useTheme(THEMES[(THEMES.indexOf(chosenTheme()) + 1) % THEMES.length] ?? "system");
    apply();
  });
  onSystemTheme(apply);
  apply();
}
