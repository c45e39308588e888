// A text as sentences, and the state of the page as an address.

/** Sentences with where they stand; white space between them belongs to none. */
export function sentences(text, language) {
  const found = [];
  const segmenter =
    "Segmenter" in Intl ? new Intl.Segmenter(language || "en", { granularity: "sentence" }) : null;
  let line = 0;
  for (const part of text.split("\n")) {
    const pieces = segmenter ? [...segmenter.segment(part)].map((each) => each.segment) : [part];
    for (const piece of pieces) if (piece.trim()) found.push({ text: piece.trim(), line });
    line += 1;
  }
  return found;
}

/**
 * A sentence as the parts in which it is read: one, unless it is longer than the network reads at
 * once. Where its first part ends is known when that is answered.
 */
export function asRead(sentence, answerOf) {
  const parts = [];
  let left = sentence;
  for (;;) {
    const rest = answerOf(left)?.rest;
    if (!rest || rest.length >= left.text.length) return [...parts, left];
    parts.push({ ...left, text: left.text.slice(0, -rest.length).trim() });
    left = { ...left, text: rest };
  }
}

export function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  return {
    text: given.get("text") || "",
    model: given.get("model") || "",
    chosen: Number(given.get("sentence")) || 0,
    lead: {
      begin: given.get("begin") || "",
      tokens: given.get("tokens") ? given.get("tokens").split(" ") : null,
    },
  };
}

export function writeAddress({ text, model, chosen, lead: { begin, tokens } }) {
  const kept = new URLSearchParams();
  if (model) kept.set("model", model);
  if (text) kept.set("text", text);
  if (chosen) kept.set("sentence", chosen);
  if (begin) kept.set("begin", begin);
  if (tokens) kept.set("tokens", tokens.join(" "));
  history.replaceState(null, "", text ? `#${kept}` : location.pathname);
}

export const percent = (share) =>
  share >= 0.995 ? "100 %" : share < 0.005 ? "< 1 %" : `${Math.round(share * 100)} %`;

/** A subword as people read it: a dot stands for the space that begins a word. */
export const readable = (token) =>
  token === "</s>" ? "end of sentence" : token.replaceAll("▁", "·") || "·";
