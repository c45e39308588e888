// The words of a sentence: the translation's as buttons, the source's with the attention they got.
import { html } from "./vendor/preact.js";
import { percent, readable } from "./sentences.js";

const surety = (probability) => (probability >= 0.8 ? "sure" : probability >= 0.4 ? "fair" : "poor");

/** The words of a translation, to be looked at or chosen; arrows go from one to the next. */
export function TargetWords({ words, current, forced, look, choose }) {
  const move = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const all = [...document.querySelectorAll("button.word")];
    all[all.indexOf(event.currentTarget) + step]?.focus();
    event.preventDefault();
  };
  return words.map((word, place) => {
    const kinds = ["word", surety(word.probability)];
    if (place === current) kinds.push("current");
    if (word.tokens.at(-1) < forced) kinds.push("forced");
    return html`<button
        type="button"
        class=${kinds.join(" ")}
        aria-label=${`${word.text}, ${percent(word.probability)}`}
        aria-pressed=${place === current}
        onMouseEnter=${() => look(place)}
        onFocus=${() => look(place)}
        onClick=${() => choose(place)}
        onKeyDown=${move}
      >${word.text}</button
      >${" "}`;
  });
}

/** The words of the source; above each how much of the current word's attention it got. */
export function SourceWords({ words, attention, current }) {
  return html`<div class="source-words">
    ${words.map((word, place) => {
      const share = attention?.[place] ?? 0;
      return html`<span class=${word.unknown ? "source-word unknown" : "source-word"}>
        <span class="share">${attention && share >= 0.005 ? percent(share) : ""}</span>
        <svg viewBox="0 0 10 30" preserveAspectRatio="none" aria-hidden="true">
          <rect x="0" y=${29 - 28 * share} width="10" height=${1 + 28 * share} rx="1" />
        </svg>
        <span>${word.text}</span>
      </span>`;
    })}
  </div>
  <p class="quiet">
    ${!words.length
      ? ""
      : attention
        ? html`Where the network looked while it wrote “${current}”.`
        : "This network looks at no single words: it has no attention."}
  </p>`;
}

/** What else the network considered in place of the current word, subword by subword. */
export function Choices({ word, tokens, runnersUp, take }) {
  if (!word) return null;
  return word.tokens.map((place) => {
    const several = word.tokens.length > 1;
    return html`<div>
      ${several && html`<p class="quiet">In place of “${readable(tokens[place])}”</p>`}
      <ul class="choices">
        ${runnersUp[place].map(({ token, probability }) => {
          const written = token === tokens[place];
          return html`<li key=${token}>
            <button
              type="button"
              class="choice"
              disabled=${written || token === "</s>"}
              onClick=${() => take(place, token)}
            >
              <span>${readable(token)}${written ? " ✓" : ""}</span>
              <svg viewBox="0 0 96 8" aria-hidden="true">
                <rect class="track" width="96" height="8" rx="4" />
                <rect class="bar" width=${Math.max(2, 96 * probability)} height="8" rx="4" />
              </svg>
              <span class="number">${percent(probability)}</span>
            </button>
          </li>`;
        })}
      </ul>
    </div>`;
  });
}
