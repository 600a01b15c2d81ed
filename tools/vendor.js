// Bundles every third-party library of the page into one ES module each, from the versions in package-lock.json:
//
//     node tools/vendor.js [--out frontend]
//
// The same lock file gives the same bytes; tests/vendor proves it for the committed files.

import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { build } from "esbuild";

import { patching } from "./vendor/patch.js";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const MODULES = join(ROOT, "node_modules");

const LIBRARIES = ["codemirror", "d3", "graphviz", "katex", "lit", "msgpack", "uplot"];
const KATEX_FONTS = join(MODULES, "katex/dist/fonts");
const FONTS = [
  { from: "inter-ui/variable/InterVariable.woff2", to: "inter.woff2", package: "inter-ui" },
  {
    from: "@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2",
    to: "jetbrains-mono.woff2",
    package: "@fontsource-variable/jetbrains-mono",
  },
];

const INSIDE = {
  "@hpcc-js/wasm-graphviz":
    "\nThe WebAssembly binary inside it is compiled from Graphviz (Eclipse Public License, https://graphviz.org/license/)\n" +
    "and Expat (MIT, https://libexpat.github.io).\n",
};

/** Bundles one library; answers with the names of the npm packages that went into it. */
async function bundle(name, vendor) {
  const entry = join(ROOT, "tools/vendor", `${name}.js`);
  const result = await build({
    entryPoints: [entry],
    outfile: join(vendor, `${name}.js`),
    absWorkingDir: ROOT,
    bundle: true,
    format: "esm",
    target: "es2022",
    minify: true,
    charset: "utf8",
    legalComments: "none",
    metafile: true,
    logLevel: "error",
    plugins: [patching],
    banner: { js: "// Third-party code, made by `make vendor`: see manifest.json and LICENSES.txt." },
  });
  // tsc reads the types of "vendor/x.js" from the "x.d.ts" beside it, which names the packages' own.
  await cp(entry, join(vendor, `${name}.d.ts`));
  return [...new Set(Object.keys(result.metafile.inputs).map(packageOf).filter((found) => found !== null))].sort();
}

/** "node_modules/@codemirror/view/dist/index.js" -> "@codemirror/view". */
function packageOf(path) {
  const match = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path);
  return match === null ? null : match[1];
}

/** The style sheets that two of the libraries need, and KaTeX's fonts in the one format that every browser reads. */
async function styles(vendor) {
  await cp(join(MODULES, "uplot/dist/uPlot.min.css"), join(vendor, "uplot.css"));
  const css = await readFile(join(MODULES, "katex/dist/katex.min.css"), "utf8");
  const woff2Only = css.replace(/,url\(fonts\/[^)]+\) format\("(?:woff|truetype)"\)/g, "");
  await writeFile(join(vendor, "katex.css"), woff2Only.replaceAll("url(fonts/", "url(katex-fonts/"));
  await mkdir(join(vendor, "katex-fonts"));
  for (const font of (await readdir(KATEX_FONTS)).filter((file) => file.endsWith(".woff2"))) {
    await cp(join(KATEX_FONTS, font), join(vendor, "katex-fonts", font));
  }
}

/** Name, version, licence and licence text of an installed package. */
async function about(name) {
  const home = join(MODULES, name);
  const { version, license } = JSON.parse(await readFile(join(home, "package.json"), "utf8"));
  const file = (await readdir(home)).sort().find((entry) => /^licen[cs]e(\.(txt|md))?$/i.test(entry));
  if (file === undefined) throw new Error(`${name} ${version}: no licence text in the package`);
  const text = (await readFile(join(home, file), "utf8")).trim();
  return { name, version, license, text };
}

/** Path below `out`, size and SHA-256 of every file that was made. */
async function hashes(out, folders) {
  const files = [];
  for (const folder of folders) {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (entry.isFile() && entry.name !== "manifest.json") files.push(join(entry.parentPath, entry.name));
    }
  }
  const described = files.sort().map(async (path) => {
    const bytes = await readFile(path);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return [relative(out, path).replaceAll("\\", "/"), { bytes: bytes.length, sha256 }];
  });
  return Object.fromEntries(await Promise.all(described));
}

async function main() {
  const { values } = parseArgs({ options: { out: { type: "string", default: join(ROOT, "frontend") } } });
  const vendor = join(values.out, "vendor");
  const fonts = join(values.out, "assets/fonts");
  for (const folder of [vendor, fonts]) {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
  }

  const libraries = {};
  for (const name of LIBRARIES) libraries[name] = await bundle(name, vendor);
  await styles(vendor);
  for (const font of FONTS) {
    await cp(join(MODULES, font.from), join(fonts, font.to));
    libraries[basename(font.to)] = [font.package];
  }
  await cp(join(ROOT, "tools/vendor/fonts.css"), join(fonts, "fonts.css"));

  const packages = await Promise.all([...new Set(Object.values(libraries).flat())].sort().map(about));
  const texts = packages.map(({ name, version, license, text }) => `${name} ${version} (${license})\n\n${text}\n${INSIDE[name] ?? ""}`);
  await writeFile(join(vendor, "LICENSES.txt"), texts.join(`\n${"-".repeat(80)}\n\n`));

  const named = Object.fromEntries(packages.map(({ name, version, license }) => [name, { version, license }]));
  const manifest = { libraries, packages: named, files: await hashes(values.out, [vendor, fonts]) };
  await writeFile(join(vendor, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

await main();
