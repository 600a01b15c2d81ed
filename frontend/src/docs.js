/** The page at /docs: what /openapi.json says, readable, and each call to be tried. */

import { applyTheme, chosenTheme, onSystemTheme } from "./theme.js";

/**
 * @typedef {{ $ref?: string, type?: string, anyOf?: Schema[], items?: Schema, enum?: unknown[], const?: unknown,
 *   additionalProperties?: Schema | boolean, prefixItems?: Schema[], properties?: Record<string, Schema>,
 *   required?: string[], description?: string, default?: unknown, examples?: unknown[] }} Schema
 * @typedef {{ schema?: Schema, example?: unknown,
 *   examples?: Record<string, { summary: string, value: unknown }> }} Content
 * @typedef {{ description: string, content?: Record<string, Content> }} Answer
 * @typedef {{ name: string, in: string, description?: string }} Parameter
 * @typedef {{ summary: string, description?: string, requestBody?: { content: Record<string, Content> },
 *   parameters?: Parameter[], responses: Record<string, Answer> }} Operation
 * @typedef {{ summary: string, description: string, sends: Schema[], receives: Record<string, Schema>,
 *   closes: Record<string, string> }} Socket
 * @typedef {{ info: { description: string, version: string }, paths: Record<string, Record<string, Operation>>,
 *   components: { schemas: Record<string, Schema> }, "x-websockets": Record<string, Socket> }} Description
 */

const LONGEST = 20_000;

/**
 * @param {string} tag
 * @param {Record<string, string>} [attributes]
 * @param {(Node | string)[]} children
 */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** @param {unknown} value */
const pretty = (value) => JSON.stringify(value, null, 2);

/** @param {string} reference */
const nameOf = (reference) => reference.split("/").at(-1) ?? reference;

/** @param {Schema | boolean | undefined} schema @returns {(Node | string)[]} */
function typeOf(schema) {
  if (schema === undefined || typeof schema === "boolean") {
    return ["any"];
  }
  if (schema.$ref !== undefined) {
    return [element("a", { href: `#${nameOf(schema.$ref)}` }, nameOf(schema.$ref))];
  }
  const choices = schema.enum ?? (schema.const === undefined ? undefined : [schema.const]);
  if (choices !== undefined) {
    return [choices.map((choice) => JSON.stringify(choice)).join(" | ")];
  }
  if (schema.anyOf !== undefined) {
    return schema.anyOf.flatMap((choice, place) => (place === 0 ? typeOf(choice) : [" | ", ...typeOf(choice)]));
  }
  if (schema.type === "array") {
    const items = schema.prefixItems?.flatMap((item, place) => (place === 0 ? typeOf(item) : [", ", ...typeOf(item)]));
    return ["[", ...(items ?? [...typeOf(schema.items), " …"]), "]"];
  }
  if (schema.type === "object" && schema.additionalProperties !== undefined) {
    return ["{ name: ", ...typeOf(schema.additionalProperties), " }"];
  }
  return [schema.type ?? "any"];
}

/** @param {string} status @param {Answer} answer */
function answerElement(status, answer) {
  const head = [element("span", { class: "status" }, status), answer.description];
  const examples = Object.values(answer.content ?? {}).flatMap((content) => [
    ...Object.values(content.examples ?? {}),
    ...(content.example === undefined ? [] : [{ summary: "Example", value: content.example }]),
  ]);
  if (examples.length === 0) {
    return element("p", { class: "answer" }, ...head);
  }
  const shown = examples.flatMap(({ summary, value }) => [
    element("p", {}, summary),
    element("pre", { tabindex: "0" }, pretty(value)),
  ]);
  return element("details", { class: "answer" }, element("summary", {}, ...head), ...shown);
}

/** @param {string} method @param {string} path @param {string} [body] */
async function ask(method, path, body) {
  const headers = body === undefined ? undefined : { "Content-Type": "application/json" };
  const response = await fetch(path.slice(1), { method: method.toUpperCase(), headers, body });
  const text = await response.text();
  const json = response.headers.get("Content-Type") === "application/json" && text.length <= LONGEST;
  const shown = json ? pretty(JSON.parse(text)) : text;
  const cut = shown.length > LONGEST ? `${shown.slice(0, LONGEST)}\n… ${text.length} characters in all` : shown;
  return `${response.status} ${response.statusText}\n\n${cut}`;
}

/** @param {string} path @param {Map<string, HTMLInputElement>} inputs what stands for its {parts} */
const filled = (path, inputs) => path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(inputs.get(name)?.value ?? ""));

/** @param {string} method @param {string} path @param {unknown} example the body to begin with, if it takes one */
function tryElement(method, path, example) {
  const inputs = new Map([...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => [name, inputElement(name)]));
  const body = example === undefined ? null : document.createElement("textarea");
  const button = element("button", { type: "button" }, "Send");
  const result = element("pre", { tabindex: "0", "aria-live": "polite" });
  result.hidden = true;
  button.addEventListener("click", async () => {
    result.hidden = false;
    result.textContent = "…";
    result.textContent = await ask(method, filled(path, inputs), body?.value).catch((error) => `no answer: ${error}`);
  });
  if (body !== null) {
    body.value = pretty(example);
    body.rows = body.value.split("\n").length;
    body.setAttribute("aria-label", `Body of ${path}`);
  }
  return element("details", { class: "try" }, element("summary", {}, "Try it"), ...inputs.values(), ...(body ? [body] : []), button, result);
}

/** @param {string} name */
function inputElement(name) {
  const made = document.createElement("input");
  made.placeholder = name;
  made.setAttribute("aria-label", name);
  return made;
}

/** @param {string} path @param {Socket} socket */
function socketElement(path, socket) {
  const rows = Object.entries(socket.receives).map(([type, schema]) =>
    element("tr", {}, element("td", {}, element("code", {}, type)), element("td", { class: "type" }, ...typeOf(schema))),
  );
  const closes = Object.entries(socket.closes).map(([code, words]) =>
    element("p", { class: "answer" }, element("span", { class: "status" }, code), words),
  );
  const sends = socket.sends.flatMap((schema, i) => (i === 0 ? typeOf(schema) : [" or ", ...typeOf(schema)]));
  return element(
    "section",
    { class: "operation" },
    element("h2", {}, element("span", { class: "method" }, "WS"), element("code", {}, path)),
    element("p", {}, element("strong", {}, `${socket.summary}. `), socket.description),
    element("p", {}, "Takes ", ...sends, ". Gives, by type:"),
    element("table", {}, ...rows),
    element("p", {}, "Is closed with:"),
    ...closes,
  );
}

/** @param {Parameter} parameter */
const shownParameter = ({ name, in: where }) => ({ path: `{${name}}`, query: `?${name}=` })[where] ?? `${name}:`;

/** @param {string} method @param {string} path @param {Operation} operation @param {Description} description */
function operationElement(method, path, operation, description) {
  const schema = operation.requestBody?.content["application/json"]?.schema;
  const model = schema?.$ref === undefined ? undefined : description.components.schemas[nameOf(schema.$ref)];
  const takes = schema === undefined ? [] : [element("p", {}, "Takes ", ...typeOf(schema), ".")];
  const chosen = (operation.parameters ?? []).map((parameter) =>
    element("p", {}, element("code", {}, shownParameter(parameter)), ` ${parameter.description ?? ""}`),
  );
  return element(
    "section",
    { class: "operation" },
    element("h2", {}, element("span", { class: "method" }, method.toUpperCase()), element("code", {}, path)),
    element("p", {}, element("strong", {}, `${operation.summary}. `), operation.description ?? ""),
    ...takes,
    ...chosen,
    ...Object.entries(operation.responses).map(([status, answer]) => answerElement(status, answer)),
    tryElement(method, path, model?.examples?.[0]),
  );
}

/** @param {string} name @param {Schema} schema */
function modelElement(name, schema) {
  const rows = Object.entries(schema.properties ?? {}).map(([field, type]) =>
    element(
      "tr",
      {},
      element("td", {}, element("code", {}, field), schema.required?.includes(field) === true ? " *" : ""),
      element("td", { class: "type" }, ...typeOf(type)),
      element("td", {}, type.description ?? ""),
    ),
  );
  const about = element("p", {}, schema.description ?? "");
  return element("section", { class: "model", id: name }, element("h3", {}, name), about, element("table", {}, ...rows));
}

/** @param {string} id */
const place = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

async function main() {
  applyTheme(chosenTheme());
  onSystemTheme(() => applyTheme(chosenTheme()));
  /** @type {Description} */
  const description = await (await fetch("openapi.json")).json();
  place("about").textContent = `${description.info.description} Version ${description.info.version}.`;
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      place("operations").append(operationElement(method, path, operation, description));
    }
  }
  for (const [path, socket] of Object.entries(description["x-websockets"])) {
    place("operations").append(socketElement(path, socket));
  }
  for (const [name, schema] of Object.entries(description.components.schemas)) {
    place("models").append(modelElement(name, schema));
  }
}

await main();
