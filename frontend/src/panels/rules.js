/** The chain rule at one node: the formula, the sentence, this step's numbers, and torch's own words for it. */

/** @import {GraphNode} from "../model.d.ts" */
/** @import {Term} from "../explain.js" */
/** @import {Subject} from "./inspector.js" */

import { chainRules } from "../explain.js";
import { numberText } from "../number.js";
import { broadcastText } from "./edges.js";
import { formula } from "./formula.js";
import { card } from "./pieces.js";
import { html, nothing } from "./template.js";

/**
 * @param {GraphNode} node
 * @param {Subject} subject
 */
export function ruleCard(node, { graph, step }) {
  const rules = chainRules(node, graph, step);
  if (rules.length === 0) return nothing;
  const body = rules.map(
    (rule) => html`<div class="rule" data-rule=${rule.wanted}>
      ${formula(rule.latex)}
      ${rule.terms.length > 0 ? html`<p class="terms">${rule.terms.map(term)}</p>` : nothing}
      ${rule.summed ? html`<p class="sum" data-summed>${broadcastText(rule.summed)}</p>` : nothing}
      ${rule.words ? html`<p class="rule-words">${rule.words}</p>` : nothing}
      <details class="torchs-words">
        <summary>in torch's words</summary>
        <code>${rule.text}</code>
        <p class="quiet">${rule.source}</p>
      </details>
    </div>`,
  );
  return card("Chain rule at this node", body);
}

/**
 * @param {Term} term
 * @param {number} place
 * @param {Term[]} all
 * @returns {unknown} with the comma that comes after it
 */
function term({ text, role, matrix }, place, all) {
  if (text === ",") return nothing;
  const [space, comma] = [place > 0 ? " " : "", all[place + 1]?.text === "," ? "," : ""];
  if (!matrix) return html`${space}<span class=${role}>${text}${comma}</span>`;
  const rows = matrix.map((row) => html`<tr>${row.map((value) => html`<td>${numberText(value, { digits: 3 })}</td>`)}</tr>`);
  return html`${space}<table class="small-matrix ${role}" aria-label=${text}><tbody>${rows}</tbody></table>`;
}
