// The page: what is typed, what is answered, and which word is looked at.
import { html, render, useEffect, useMemo, useRef, useState } from "./vendor/preact.js";
import { BeamTree } from "./tree.js";
import { Memory } from "./memory.js";
import { Choices, SourceWords, TargetWords } from "./words.js";
import { asRead, readAddress, sentences, writeAddress } from "./sentences.js";
import { Later, Refused, Unknown, Unreachable, isToken, keepToken, question } from "./server.js";

const TYPING = 250; // milliseconds without a key, after which what was typed is translated
const FLAGS = {
  unread_source: "Part of the source was not looked at",
  repeated_phrase: "A phrase is repeated",
  odd_length: "The length is unusual",
  cut_short: "Cut short",
  unknown_source: "A source word is not in the vocabulary",
  first_part_only: "Only the first part is translated",
};
const REST = 400; // milliseconds without a change, after which the address is written; browsers bound how often
const MOST_SENTENCES = 64; // of a question
const START = readAddress();
const FREE = { begin: "", tokens: null }; // no beginning is given

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
  const [lead, setLead] = useState(START.lead);
  const [answers, setAnswers] = useState(new Map());
  const [ledAnswer, setLed] = useState(null); // a sentence's answer under `lead`, and `of` what it is
  const [details, setDetails] = useState(null);
  const [rank, setRank] = useState(0);
  const [current, setCurrent] = useState(0);
  const [trouble, setTrouble] = useState("");
  const [later, setLater] = useState(null); // why the last question is to be asked again
  const [most, setMost] = useState(MOST_SENTENCES); // fewer once the server has refused as many
  const [attempt, setAttempt] = useState(0);
  const [treeOpen, setTreeOpen] = useState(false);
  const [drawn, setDrawn] = useState(null); // the beam of an answer, and `of` which
  const [locked, setLocked] = useState(""); // why a token is wanted
  const [theme, switchTheme] = useTheme();
  const retry = useRef(0);
  const known = useRef(answers);
  known.current = answers;

  const model = models.find((each) => each.name === name) || models[0];
  const key = (part) => `${model?.name}\n${part.text}`;
  const parts = useMemo(() => {
    const whole = sentences(text, model?.source);
    return whole.flatMap((each) => asRead(each, (piece) => answers.get(key(piece))));
  }, [text, model, answers]);
  const at = Math.min(chosen, Math.max(0, parts.length - 1));
  const part = parts[at];
  const leading = Boolean(lead.begin || lead.tokens);

  const failed = (error) => {
    if (error instanceof Later) {
      setLater(error);
      clearTimeout(retry.current); // several questions may fail at once
      retry.current = setTimeout(() => setAttempt((count) => count + 1), error.wait);
    } else if (error instanceof Unknown) setLocked(error.message);
    else if (error instanceof Refused) setTrouble(error.message);
    else throw error;
  };
  /** Asks in an effect, and gives what ends it. */
  const asked = (path, body, delay, use, complain = failed) => {
    const answered = (found) => { setLater(null); setLocked(""); use(found); };
    return question({ path, body, delay, failed: complain, use: answered });
  };
  const goTo = (sentence, word) => { setChosen(sentence); setCurrent(word); setRank(0); };

  useEffect(() => {
    if (models.length && !(later instanceof Unreachable)) return undefined;
    return asked("models", null, 0, (found) => models.length || setModels(found.models));
  }, [attempt]);

  useEffect(() => {
    const follow = () => {
      const given = readAddress();
      setText(given.text);
      setName(given.model);
      setLead(given.lead);
      goTo(given.chosen, 0);
    };
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);

  useEffect(() => {
    if (!models.length) return undefined;
    const shown = { text, model: models.length > 1 ? model.name : "", chosen: at, lead };
    const timer = setTimeout(() => writeAddress(shown), REST);
    return () => clearTimeout(timer);
  }, [text, model, at, lead]);

  useEffect(() => {
    if (!model) return undefined;
    const wanted = [...new Set(parts.filter((each) => !known.current.has(key(each))).map((each) => each.text))].slice(0, most);
    if (!wanted.length) { setTrouble(""); return undefined; }
    const body = { model: model.name, texts: wanted, prefixes: wanted.map(() => "") };
    return asked("translate", body, TYPING, ({ sentences: found }) => {
      const next = new Map(known.current);
      found.forEach((answer, place) => {
        const whole = { text: wanted[place] };
        const [first] = asRead(whole, () => answer);
        next.set(key(first), { ...answer, rest: "" });
        if (first !== whole) next.set(key(whole), answer);
      });
      setAnswers(next);
      setTrouble("");
    }, (error) => {
      if (error instanceof Refused && wanted.length > 1) setMost(Math.ceil(wanted.length / 2));
      else failed(error);
    });
  }, [text, model, answers, attempt, most]);

  // An answer under a beginning counts for that sentence, model and beginning alone.
  const led = ledAnswer?.of.lead === lead && part && ledAnswer.of.key === key(part) ? ledAnswer.answer : null;
  const tooLong = led && !led.outputs.length;
  const begun = led && !tooLong;

  useEffect(() => {
    setTrouble("");
    if (!model || !part || !leading || led) return undefined;
    const of = { key: key(part), lead };
    const use = (answer) => { setLed({ of, answer }); setRank(0); };
    if (lead.tokens) return asked("continue", { model: model.name, text: part.text, tokens: lead.tokens }, 0, use);
    const body = { model: model.name, texts: [part.text], prefixes: [lead.begin] };
    return asked("translate", body, TYPING, ({ sentences: [found] }) => use(found));
  }, [part?.text, model, lead, attempt]);

  const answer = part && (begun ? led : answers.get(key(part)));
  const output = answer?.outputs[Math.min(rank, answer.outputs.length - 1)];
  const forced = !begun ? 0 : lead.tokens ? lead.tokens.length : covered(output, lead.begin);
  const fresh = details && details.of === output ? details : null;
  const tree = drawn && drawn.of === answer ? drawn : null;

  useEffect(() => {
    if (!output || !model?.inspected || fresh) return undefined;
    const body = { model: model.name, text: part.text, tokens: output.tokens.slice(0, -1) };
    return asked("inspect", body, TYPING, (found) => setDetails({ ...found, of: output }));
  }, [output, model, attempt]);

  useEffect(() => {
    if (!treeOpen || !model?.inspected || !output || tree) return undefined;
    const tokens = answer.outputs[0].tokens.slice(0, forced);
    const body = { model: model.name, text: part.text, tokens };
    return asked("tree", body, 0, (found) => setDrawn({ ...found, of: answer }));
  }, [treeOpen, answer, model, attempt]);

  const unlock = (event) => {
    event.preventDefault();
    const token = event.target.elements.token.value.trim();
    if (!isToken(token)) {
      setLocked("That is no token: one of its characters, perhaps an invisible one, is in none");
      return;
    }
    keepToken(token);
    setLocked("");
    setAttempt(attempt + 1);
  };
  const type = (event) => { setText(event.target.value); setLead(FREE); goTo(chosen, 0); };
  const change = (event) => { setName(event.target.value); setMost(MOST_SENTENCES); setLead(FREE); goTo(chosen, 0); };
  const choose = (sentence, word) => {
    if (sentence === at) setCurrent(word);
    else { setLead(FREE); goTo(sentence, word); }
  };
  const take = (place, token) => setLead({ begin: "", tokens: [...output.tokens.slice(0, place), token] });
  const word = output?.words[Math.min(current, output.words.length - 1)];
  const waiting = parts.some((each) => !answers.has(key(each)));
  const unanswered = !models.length || waiting || (leading && !led) ||
    (output && model.inspected && (!fresh || (treeOpen && !tree)));
  useEffect(() => {
    if (!unanswered && !(later instanceof Unreachable)) setLater(null); // nothing is left to be asked again
  }, [unanswered, later]);
  const notice = later
    ? `${later.message}. This page tries again by itself.`
    : tooLong ? "That beginning is longer than the translation of this sentence may be." : trouble;

  return html`<header>
      <h1>Translate</h1>
      ${models.length > 1
        ? html`<select aria-label="Model" value=${model.name} onChange=${change}>
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
        <label for="token"><span role="alert">${locked}</span></label>
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
                        forced=${place === at ? forced : 0} choose=${(number) => choose(place, number)}
                        look=${(number) => place === at && setCurrent(number)} />`
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
              onClick=${() => setLead(FREE)}>Clear</button>
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
