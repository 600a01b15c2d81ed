// The few places where a library writes what a strict Content-Security-Policy refuses, and what it writes instead.
// Each change must be found exactly as often as it says, so that an update cannot lose one silently.

import { readFile } from "node:fs/promises";

const PATCHES = [
  {
    // A <style> element is refused; a constructed style sheet is not. The library knows how, for shadow roots only.
    file: /style-mod[\\/]src[\\/]style-mod\.js$/,
    from: "if (!root.head && root.adoptedStyleSheets",
    to: "if (root.adoptedStyleSheets",
    times: 1,
  },
  {
    // A style attribute is refused; the same text through the CSS object model is not.
    file: /katex[\\/]dist[\\/]katex\.mjs$/,
    from: "node.setAttribute(attr, this.attributes[attr]);",
    to: 'if (attr === "style") node.style.cssText = this.attributes[attr]; else node.setAttribute(attr, this.attributes[attr]);',
    times: 3,
  },
  {
    file: /katex[\\/]dist[\\/]katex\.mjs$/,
    from: "node.setAttribute(attr, value);",
    to: 'if (attr === "style") node.style.cssText = value; else node.setAttribute(attr, value);',
    times: 1,
  },
];

/** The esbuild plugin that applies them. */
export const patching = {
  name: "content-security-policy",
  setup(bundler) {
    bundler.onLoad({ filter: /(style-mod|katex)\.m?js$/ }, async ({ path }) => {
      let contents = await readFile(path, "utf8");
      for (const { from, to, times } of PATCHES.filter(({ file }) => file.test(path))) {
        const found = contents.split(from).length - 1;
        if (found !== times) throw new Error(`${path}: expected ${times} times, found ${found}: ${from}`);
        contents = contents.replaceAll(from, to);
      }
      return { contents, loader: "js" };
    });
  },
};
