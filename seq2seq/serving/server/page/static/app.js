// The page: what is typed, what is answered, and which word is looked at.
import { html, render, useEffect, useMemo, useRef, useState } from "./vendor/preact.js";
import { BeamTree } from "./tree.js";
import { Memory } from "./memory.js";
import { Choices, SourceWords, TargetWords } from "./words.js";
import { readAddress, sentences, writeAddress } from "./sentences.js";
import { Refused, Unknown, Unreachable, channel, isStale, keepToken, models as listModels } from "./server.js";

const TYPING = 250; // milliseconds without a key, after which what was typed is translated
const RETRY = 1500; // milliseconds until a server that does not answer is asked again
const FLAGS = {
  unread_source: "Part of the source was not looked at",
  repeated_phrase: "A phrase is repeated",
  odd_length: "The length is unusual",
  cut_short: "Cut short",
  unknown_source: "A source word is not in the vocabulary",
};
const START = readAddress();
const toTranslate = channel();
const toContinue = channel();
const toInspect = channel();
const toTree = channel();

const languageName = (tag) => {
  try {
    return new Intl.DisplayNames(["en"], { type: "language" }).of(tag);
  } catch {
    return tag || "unknown language";
  }
};

function useTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const [theme, setTheme] = useState(localStorage.getItem("theme") || (dark.matches ? "dark" : "light"));
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  return [theme, () => {
    const next = theme === "dark" ? "light" : "dark";
    localStorage.setItem("theme", next);
    setTheme(next);
  }];
}

function Page() {
  const [models, setModels] = useState([]);
  const [name, setName] = useState(START.model);
  const [text, setText] = useState(START.text);
  const [chosen, setChosen] = useState(START.chosen);
  const [lead, setLead] = useState({ begin: START.begin, tokens: START.tokens });
  const [answers, setAnswers] = useState(new Map());
  const [led, setLed] = useState(null); // the chosen sentence's answer under `lead`
  const [details, setDetails] = useState(null);
  const [rank, setRank] = useState(0);
  const [current, setCurrent] = useState(0);
  const [trouble, setTrouble] = useState("");
  const [lost, setLost] = useState(false); // the server did not answer the last question
  const [attempt, setAttempt] = useState(0);
  const [treeOpen, setTreeOpen] = useState(false);
  const [tree, setTree] = useState(null);
  const [locked, setLocked] = useState(false);
  const [theme, switchTheme] = useTheme();
  const retry = useRef(0);
  const known = useRef(answers);
  known.current = answers;

  const model = models.find((each) => each.name === name) || models[0];
  const parts = useMemo(() => sentences(text, model?.source), [text, model]);
  const at = Math.min(chosen, Math.max(0, parts.length - 1));
  const key = (part) => `${model?.name}\n${part.text}`;
  const part = parts[at];
  const leading = Boolean(lead.begin || lead.tokens);

  const failed = (error) => {
    if (isStale(error)) return;
    if (error instanceof Unreachable) {
      setLost(true);
      clearTimeout(retry.current); // several questions may fail at once
      retry.current = setTimeout(() => setAttempt((count) => count + 1), RETRY);
    } else if (error instanceof Unknown) setLocked(true);
    else if (error instanceof Refused) setTrouble(error.message);
    else throw error;
  };
  const answered = (question, use) => question.then((found) => { setLost(false); use(found); }, failed);

  useEffect(() => {
    if (!models.length || lost) answered(listModels(), (found) => models.length || setModels(found));
  }, [attempt]);

  useEffect(() => {
    writeAddress({ text, model: models.length > 1 ? model?.name : "", chosen: at, ...lead });
  }, [text, model, at, lead]);

  useEffect(() => {
    if (!model) return undefined;
    const wanted = [...new Set(parts.filter((each) => !known.current.has(key(each))).map((each) => each.text))].slice(0, 64);
    if (!wanted.length) { setTrouble(""); return undefined; }
    const timer = setTimeout(() => {
      const asked = toTranslate("translate", { model: model.name, texts: wanted, prefixes: wanted.map(() => "") });
      answered(asked, ({ sentences: found }) => {
        const next = new Map(known.current);
        found.forEach((answer, place) => next.set(`${model.name}\n${wanted[place]}`, answer));
        setAnswers(next);
        setTrouble("");
      });
    }, TYPING);
    return () => clearTimeout(timer);
  }, [text, model, answers, attempt]);

  useEffect(() => {
    setLed(null);
    setTrouble("");
    if (!model || !part || !leading) return undefined;
    const timer = setTimeout(() => {
      const asked = lead.tokens
        ? toContinue("continue", { model: model.name, text: part.text, tokens: lead.tokens })
        : toContinue("translate", { model: model.name, texts: [part.text], prefixes: [lead.begin] }).then(
            ({ sentences: [found] }) => found,
          );
      answered(asked, (found) => {
        const none = !found.outputs.length;
        setTrouble(none ? "That beginning is longer than the translation of this sentence may be." : "");
        if (!none) setLed(found);
        setRank(0);
      });
    }, lead.tokens ? 0 : TYPING);
    return () => clearTimeout(timer);
  }, [part?.text, model, lead, attempt]);

  const answer = part && (led || answers.get(key(part)));
  const output = answer?.outputs[Math.min(rank, answer.outputs.length - 1)];
  const forced = lead.tokens && led ? lead.tokens.length : lead.begin && led ? covered(output, lead.begin) : 0;

  useEffect(() => {
    setDetails(null);
    if (!output || !model?.inspected) return undefined;
    const timer = setTimeout(() => {
      const tokens = output.tokens.slice(0, -1);
      const asked = toInspect("inspect", { model: model.name, text: part.text, tokens });
      answered(asked, (found) => setDetails({ ...found, of: output }));
    }, TYPING);
    return () => clearTimeout(timer);
  }, [output, model, attempt]);

  const unlock = (event) => {
    event.preventDefault();
    keepToken(event.target.elements.token.value.trim());
    setLocked(false);
    setAttempt(attempt + 1);
  };
  useEffect(() => {
    setTree(null);
    if (!treeOpen || !model?.inspected || !output) return;
    const tokens = answer.outputs[0].tokens.slice(0, forced);
    answered(toTree("tree", { model: model.name, text: part.text, tokens }), setTree);
  }, [treeOpen, answer, model, attempt]);

  const type = (event) => { setText(event.target.value); setLead({ begin: "", tokens: null }); setRank(0); setCurrent(0); };
  const look = (sentence, word) => {
    if (sentence !== at) { setChosen(sentence); setLead({ begin: "", tokens: null }); setRank(0); }
    setCurrent(word);
  };
  const take = (place, token) => setLead({ begin: "", tokens: [...output.tokens.slice(0, place), token] });
  const word = output?.words[Math.min(current, output.words.length - 1)];
  const waiting = parts.some((each) => !answers.has(key(each)));
  const fresh = details && details.of === output ? details : null;
  const notice = lost ? "The server does not answer. This page tries again by itself." : trouble;

  return html`<header>
      <h1>Translate</h1>
      ${models.length > 1
        ? html`<select aria-label="Model" value=${model.name} onChange=${(event) => setName(event.target.value)}>
            ${models.map((each) => html`<option value=${each.name}>${each.name}</option>`)}
          </select>`
        : ""}
      <span class="languages">${model ? `${languageName(model.source)} to ${languageName(model.target)}` : ""}</span>
      <span class="space"></span>
      <button type="button" class="plain-button" onClick=${switchTheme}>
        ${theme === "dark" ? "Light" : "Dark"}
      </button>
    </header>
    <main>
      ${locked && html`<form class="card begin" onSubmit=${unlock}>
        <label for="token">This server wants a token</label>
        <input id="token" name="token" type="password" autocomplete="off" />
        <button class="plain-button">Enter</button>
      </form>`}
      <div class="panes">
        <section class="pane">
          <label for="source">${model ? languageName(model.source) : "Source"}</label>
          <textarea id="source" lang=${model?.source || "en"} value=${text} onInput=${type} spellcheck="false"
            placeholder="Type or paste a text" autofocus></textarea>
        </section>
        <section class="pane result" aria-label="Translation">
          <div class="title">${model ? languageName(model.target) : "Translation"}</div>
          <div class=${waiting ? "target waiting" : "target"} lang=${model?.target || "en"} aria-busy=${waiting}>
            ${parts.map((each, place) => {
              const shown = place === at ? answer : answers.get(key(each));
              const best = shown?.outputs[place === at ? Math.min(rank, shown.outputs.length - 1) : 0];
              return html`${place && each.line !== parts[place - 1].line ? html`<span class="line-break"></span>` : ""}
                <span class=${place === at && parts.length > 1 ? "sentence chosen" : "sentence"}>
                  ${best
                    ? html`<${TargetWords} words=${best.words} current=${place === at ? current : -1}
                        forced=${place === at ? forced : 0} choose=${(number) => look(place, number)} />`
                    : "…"}
                </span> `;
            })}
          </div>
          ${output && html`<div class="legend" aria-hidden="true">
            <span>sure</span><span class="word fair">less sure</span><span class="word poor">unsure</span>
            ${forced ? html`<span class="word forced">given</span>` : ""}
          </div>`}
        </section>
      </div>
      <div class=${notice ? "status trouble" : "status"} role="status" aria-live="polite">${notice}</div>
      ${output && html`<div class="grid">
        <div>
          <section class="card">
            <h2>Attention</h2>
            <${SourceWords} words=${answer.source_words} attention=${word?.attention.length ? word.attention : null} current=${word?.text} />
            ${output.flags.length > 0 && html`<ul class="flags">
              ${output.flags.map((flag) => html`<li><strong>${FLAGS[flag.kind] || flag.kind}:</strong> ${flag.detail}</li>`)}
            </ul>`}
          </section>
          <section class="card">
            <h2>Best translations of this sentence</h2>
            <ol class="outputs">
              ${answer.outputs.map((each, place) => html`<li>
                <button type="button" aria-pressed=${each === output} onClick=${() => { setRank(place); setCurrent(0); }}>
                  <span class="number">${place + 1}</span><span lang=${model.target}>${each.text}</span>
                  <span class="number" title="score: log-probability with length penalty">${each.score.toFixed(2)}</span>
                </button>
              </li>`)}
            </ol>
          </section>
        </div>
        <section class="card">
          <h2>In place of “${word?.text}”</h2>
          ${!model.inspected
            ? html`<p class="quiet">An exported model does not tell what else it considered, nor the tree and
                the gates. Serve its run folder to see them.</p>`
            : fresh
              ? html`<${Choices} word=${word} tokens=${output.tokens} runnersUp=${fresh.runners_up} take=${take} />`
              : html`<p class="quiet">Looking inside…</p>`}
          <label class="field-name" for="begin">Begin this sentence with</label>
          <div class="begin">
            <input id="begin" lang=${model.target} value=${lead.tokens ? shownBeginning(lead.tokens) : lead.begin}
              onInput=${(event) => setLead({ begin: event.target.value, tokens: null })} />
            <button type="button" class="plain-button" disabled=${!leading}
              onClick=${() => setLead({ begin: "", tokens: null })}>Clear</button>
          </div>
        </section>
      </div>
      ${output && model.inspected && html`<details class="card" onToggle=${(event) => setTreeOpen(event.currentTarget.open)}>
          <summary>Beam search <span class="quiet">what was kept, and what was given up when</span></summary>
          <div class="inside">
            ${tree ? html`<${BeamTree} tree=${tree} />` : html`<p class="quiet">Searching again, and keeping everything…</p>`}
          </div>
        </details>
        <details class="card">
          <summary>Gates and states <span class="quiet">what each layer remembers, step by step</span></summary>
          <div class="inside">
            ${fresh && html`<${Memory} layers=${fresh.layers} source=${answer.source_tokens} read=${fresh.read} />`}
          </div>
        </details>`}`}
    </main>
    <footer>Everything on this page comes from this server. Its address holds the text: copy it to share what you see.</footer>`;
}

/** How many tokens of an output a given beginning covers. */
function covered(output, begin) {
  let written = "";
  let count = 0;
  for (const token of output?.tokens.slice(0, -1) ?? []) {
    if (written.replaceAll("▁", " ").trim().length >= begin.trim().length) break;
    written += token;
    count += 1;
  }
  return count;
}

const shownBeginning = (tokens) => tokens.join("").replaceAll("▁", " ").trim();

render(html`<${Page} />`, document.getElementById("page"));
