import js from "@eslint/js";
import globals from "globals";

const UNSAFE = ["innerHTML", "outerHTML", "srcdoc"];

/** Text becomes text, never markup. */
const noMarkupFromText = [
  "error",
  ...UNSAFE.map((name) => ({
    selector: `AssignmentExpression[left.type="MemberExpression"][left.property.name="${name}"]`,
    message: `do not write ${name}: use textContent or a template`,
  })),
  {
    selector: "CallExpression[callee.property.name=/^(insertAdjacentHTML|setHTMLUnsafe|createContextualFragment)$/]",
    message: "do not parse text as markup: use textContent or a template",
  },
  {
    selector: 'CallExpression[callee.object.name="document"][callee.property.name=/^write(ln)?$/]',
    message: "do not write into the document: use textContent or a template",
  },
  {
    selector: 'CallExpression[callee.property.name="setAttribute"][arguments.0.value="style"]',
    message: "the Content-Security-Policy refuses style attributes: set element.style",
  },
];

/** Each vendored library has one importer, which says what the rest of the page may use of it. */
const IMPORTERS = {
  codemirror: "frontend/src/panels/editor.js",
  d3: "frontend/src/stage/viewport.js",
  graphviz: "frontend/src/layout/worker.js",
  katex: "frontend/src/panels/formula.js",
  lit: "frontend/src/panels/template.js",
  msgpack: "frontend/src/frames.js",
  uplot: "frontend/src/panels/plot.js",
};

function vendorExcept(library) {
  const group = ["**/vendor/*", ...(library === null ? [] : [`!**/vendor/${library}.js`])];
  const message = "a vendored library has one importer: import from that, or name the new one in eslint.config.js";
  return { "no-restricted-imports": ["error", { patterns: [{ group, message }] }] };
}

const oneImporterEach = [
  { files: ["frontend/src/**/*.js"], rules: vendorExcept(null) },
  ...Object.entries(IMPORTERS).map(([library, file]) => ({ files: [file], rules: vendorExcept(library) })),
];

export default [
  { ignores: ["node_modules/", ".venv/", "build/", "frontend/vendor/", "**/*.d.ts"] },
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    languageOptions: { ecmaVersion: 2024, sourceType: "module" },
    rules: {
      "array-callback-return": "error",
      "arrow-body-style": "error",
      "consistent-return": "error",
      "default-case-last": "error",
      "dot-notation": "error",
      eqeqeq: "error",
      "guard-for-in": "error",
      "max-len": ["error", { code: 120, ignoreUrls: true, ignoreTemplateLiterals: true, ignoreStrings: true }],
      "no-alert": "error",
      "no-console": "error",
      "no-constructor-return": "error",
      "no-else-return": "error",
      "no-eval": "error",
      "no-extend-native": "error",
      "no-implicit-coercion": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-new-wrappers": "error",
      "no-return-assign": "error",
      "no-script-url": "error",
      "no-self-compare": "error",
      "no-sequences": "error",
      "no-shadow": "error",
      "no-throw-literal": "error",
      "no-unreachable-loop": "error",
      "no-unused-expressions": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "no-use-before-define": ["error", { functions: false, classes: false, variables: false }],
      "no-useless-rename": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "one-var": ["error", "never"],
      "prefer-const": "error",
      "prefer-promise-reject-errors": "error",
      "prefer-template": "error",
      "no-restricted-syntax": noMarkupFromText,
    },
  },
  ...oneImporterEach,
  { files: ["frontend/src/**/*.js"], languageOptions: { globals: { ...globals.browser } } },
  { files: ["frontend/src/**/*worker.js"], languageOptions: { globals: { ...globals.worker } } },
  {
    files: ["tools/**/*.js", "tests/**/*.js", "eslint.config.js"],
    languageOptions: { globals: { ...globals.node } },
    rules: { "max-len": "off" },
  },
];
