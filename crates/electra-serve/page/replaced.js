// The view of replaced words: each shaded by how replaced it looks, to be changed and looked at again.

import { ask, busy, count, element, examples, make } from "./asking.js";

const EXAMPLES = {
  "A wrong word": "The committee approved the ocean budget after a long debate.",
  "None wrong": "The committee approved the annual budget after a long debate.",
  Speech: "The president of the bread has sent a message to congress.",
};

/** A probability that changed by less did not change. */
const NOTICED = 0.05;

let text = "";
let words = []; // { start, end, text, probability, pieces }, places in characters
let chosen = -1;
let fillsGaps = false;

/** Prepares the view for a detector, if there is one. */
export function replaced(detector) {
  element("replaced-missing").hidden = Boolean(detector);
  element("replaced-form").hidden = !detector;
  if (!detector) return;
  fillsGaps = Boolean(detector.fills_gaps);
  examples(element("replaced-example"), element("replaced-text"), EXAMPLES);
  element("replaced-form").onsubmit = (event) => {
    event.preventDefault();
    busy(element("replaced-run"), () => look(element("replaced-text").value));
  };
  element("change-form").onsubmit = (event) => {
    event.preventDefault();
    change(element("change").value);
  };
  element("change-close").onclick = close;
  element("change-form").onkeydown = (event) => {
    if (event.key === "Escape") close();
  };
  const group = element("words");
  group.onclick = (event) => open(Number(event.target.closest(".word")?.dataset.at ?? -1));
  group.onkeydown = move;
}

/** The tokens of a text, joined to words: pieces that touch are one. */
async function judged(of) {
  const answer = await ask("v1/detect", { text: of });
  if (!answer) return undefined;
  const points = [...of.toWellFormed()];
  const joined = [];
  for (const { token, start, end, probability } of answer.tokens) {
    const last = joined.at(-1);
    if (last && token.startsWith("##") && last.end === start) {
      last.end = end;
      last.pieces.push(token);
      last.probability = Math.max(last.probability, probability);
    } else {
      joined.push({ start, end, pieces: [token], probability });
    }
  }
  for (const word of joined) word.text = points.slice(word.start, word.end).join("");
  return { points, joined };
}

async function look(of) {
  element("replaced-status").textContent = "Reading ...";
  const found = await judged(of);
  element("replaced-status").textContent = "";
  if (!found) return false;
  [text, words, chosen] = [of, found.joined, -1];
  draw(found.points, new Set());
  element("changes").replaceChildren();
  element("changes-title").hidden = true;
  return true;
}

/** Shows the words, those in `changed` as such. */
function draw(points, changed) {
  const whole = document.createDocumentFragment();
  let at = 0;
  for (const [index, word] of words.entries()) {
    whole.append(points.slice(at, word.start).join(""));
    const percent = (100 * word.probability).toFixed(0);
    const unknown = word.pieces.includes("[UNK]");
    const shown = make("span", {
      class: `word${changed.has(index) ? " changed" : ""}${unknown ? " unknown" : ""}`,
      role: "button",
      tabindex: index ? -1 : 0,
      "data-at": index,
      title: `${percent} % replaced${unknown ? "; the model does not know this word" : ""}`,
      "aria-label": `${word.text}, ${percent} % replaced${unknown ? ", unknown" : ""}`,
      "aria-pressed": "false",
    }, word.text);
    shown.style.setProperty("--part", word.probability.toFixed(3));
    whole.append(shown);
    at = word.end;
  }
  whole.append(points.slice(at).join(""));
  element("words").replaceChildren(whole);
  element("replaced-found").hidden = false;
  element("change-form").hidden = true;
  const many = words.filter((word) => word.probability >= 0.5).length;
  element("replaced-status").textContent = `${count(many, "word")} of ${words.length.toLocaleString("en")} ${many === 1 ? "looks" : "look"} more replaced than not.`;
}

const shownWord = (at) => element("words").querySelector(`[data-at="${at}"]`);

/** Arrow keys go from word to word, as in one control. */
function move(event) {
  const at = Number(event.target.dataset?.at ?? -1);
  if (at < 0) return;
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    open(at);
    return;
  }
  const isLeftward = getComputedStyle(event.target).direction === "rtl";
  const forward = isLeftward ? "ArrowLeft" : "ArrowRight";
  const back = isLeftward ? "ArrowRight" : "ArrowLeft";
  const next = { [forward]: at + 1, [back]: at - 1, Home: 0, End: words.length - 1 }[event.key];
  if (next === undefined || !words[next]) return;
  event.preventDefault();
  event.target.tabIndex = -1;
  const word = shownWord(next);
  word.tabIndex = 0;
  word.focus();
}

function open(at) {
  if (!words[at]) return;
  shownWord(chosen)?.setAttribute("aria-pressed", "false");
  chosen = at;
  shownWord(at).setAttribute("aria-pressed", "true");
  const { text: word, probability, pieces } = words[at];
  const seen = pieces.includes("[UNK]") ? "The model does not know it, and sees [UNK]." : `The model sees ${pieces.join(" ")}.`;
  element("change-word").textContent = `“${word}” looks replaced with ${(100 * probability).toFixed(1)} %. ${seen}`;
  element("change").value = word;
  element("change-form").hidden = false;
  element("change").focus();
  element("change").select();
  guess(at);
}

/** Shows what the generator would put in the place of a word, where there is a generator. */
async function guess(at) {
  element("guesses").hidden = true;
  if (!fillsGaps) return;
  const { start, end } = words[at];
  const answer = await ask("v1/guess", { text, start, end });
  // Another word may have been chosen meanwhile.
  if (!answer || chosen !== at) return;
  const buttons = answer.guesses.map(({ token, probability }) => {
    const button = make("button", { type: "button" }, `${token} (${(100 * probability).toFixed(1)} %)`);
    button.onclick = () => change(token);
    return button;
  });
  element("guess-list").replaceChildren(...buttons);
  element("guesses").hidden = false;
}

function close() {
  element("change-form").hidden = true;
  shownWord(chosen)?.setAttribute("aria-pressed", "false");
  shownWord(chosen)?.focus();
}

/** Writes another word in place of the chosen one, and tells what looks otherwise then. */
async function change(to) {
  const [at, before] = [chosen, words];
  const { start, end, text: from } = words[at];
  const points = [...text.toWellFormed()];
  const changedText = points.slice(0, start).join("") + to + points.slice(end).join("");
  const found = await judged(changedText);
  if (!found) return;
  // Words behind the change have moved by as many characters.
  const moved = [...to.toWellFormed()].length - (end - start);
  const now = new Map(found.joined.map((word, index) => [word.start, { ...word, index }]));
  const differences = [];
  for (const [index, old] of before.entries()) {
    const same = now.get(index > at ? old.start + moved : old.start);
    if (!same || (index !== at && same.text !== old.text)) continue;
    const by = same.probability - old.probability;
    if (index === at || Math.abs(by) >= NOTICED) differences.push({ old, same, by });
  }
  [text, words, chosen] = [changedText, found.joined, -1];
  element("replaced-text").value = changedText;
  draw(found.points, new Set(differences.map(({ same }) => same.index)));
  const percent = (probability) => `${(100 * probability).toFixed(1)} %`;
  const lines = differences.sort((a, b) => Math.abs(b.by) - Math.abs(a.by)).map(({ old, same }) => {
    const name = old.text === same.text ? same.text : `${old.text} → ${same.text}`;
    return make("li", {}, `${name}: ${percent(old.probability)} → ${percent(same.probability)}`);
  });
  element("changes-title").hidden = false;
  element("changes").replaceChildren(...(lines.length ? lines : [make("li", {}, `${from} → ${to || "nothing"}: no other word looks different.`)]));
  (shownWord(now.get(start)?.index ?? 0) ?? element("replaced-text")).focus();
}
