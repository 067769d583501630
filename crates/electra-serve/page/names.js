// The view of names: text with highlighted entities, and the table of them.

import { ask, busy, count, element, examples, make } from "./asking.js";
import { inCharacters, toConll, toCsv, toJson } from "./copies.js";

const EXAMPLES = {
  English: "Angela Merkel visited Paris in 2019 and spoke with Emmanuel Macron about Siemens and the European Union.",
  German: "Johann Wolfgang von Goethe zog 1775 nach Weimar. Später reiste er über den Brenner nach Rom.",
  Arabic: "وُلد نجيب محفوظ في القاهرة، ودرس في جامعة القاهرة.",
  "Markup and emoji": "<script>alert(\"Paris\")</script> stays text. 👩‍👧 Marie Curie worked in Paris 🇫🇷 & Warsaw.",
};

/** Unknown words that are listed at most. */
const LISTED = 12;

let found; // { text, entities, tokens, ... } of the last answer
let shownAs = []; // for each entity its mark in the text and its row in the table
let hues = new Map();
let hidden = new Set();
let asking;

/** By the golden angle: neighbours differ, however many types there are. */
const hue = (index) => Math.round(index * 137.5) % 360;

/** Prepares the view for these taggers, one of which is chosen in a menu. */
export function names(taggers, choice) {
  element("names-missing").hidden = taggers.length > 0;
  element("names-form").hidden = !taggers.length;
  if (!taggers.length) return;
  const chosen = () => taggers.find((tagger) => tagger.name === choice.value) ?? taggers[0];
  const prepare = () => {
    hues = new Map(chosen().types.map((type, index) => [type, hue(index)]));
    hidden = new Set();
    element("calibration").textContent = described(chosen());
    element("names-found").hidden = true;
    element("names-status").textContent = "";
  };
  choice.onchange = () => {
    prepare();
    if (found) element("names-form").requestSubmit();
  };
  prepare();
  examples(element("names-example"), element("names-text"), EXAMPLES);
  element("names-form").onsubmit = (event) => {
    event.preventDefault();
    busy(element("names-run"), () => find(chosen().name));
  };
  element("threshold").oninput = () => requestAnimationFrame(show);
  for (const button of document.querySelectorAll("[data-copy]")) button.onclick = () => copy(button.dataset.copy);
}

/** What is known of the scores of a tagger. */
function described({ calibration, scores, version }) {
  const f1 = scores?.test?.f1 ?? scores?.dev?.f1;
  const tested = f1 === undefined ? "" : ` F1 on its ${scores.test ? "test" : "development"} data: ${(100 * f1).toFixed(1)}.`;
  const data = calibration?.data;
  const nothing = calibration?.is_calibrated && calibration.found_entities === 0;
  const sure = nothing
    ? `The model found no name in ${data.file}, by which it was calibrated: nothing is known of its scores.`
    : calibration?.is_calibrated
    ? `Scores are probabilities, calibrated on ${data.file} (${count(data.sentences, "sentence")}).`
    : "Scores are not calibrated: 0.9 need not mean that nine of ten are right.";
  return `${sure}${tested} Model version ${version}.`;
}

async function find(model) {
  asking?.abort();
  asking = new AbortController();
  const text = element("names-text").value;
  element("names-status").textContent = "Reading ...";
  const answer = await ask("v1/tag", { text, model, offsets: "utf-16", tokens: true }, asking.signal);
  if (!answer) {
    element("names-status").textContent = "";
    return;
  }
  found = { ...answer, text: text.toWellFormed() };
  element("names-found").hidden = false;
  tellUnknown();
  drawTypes();
  const marks = [];
  element("marked").replaceChildren(marked(found.entities, marks));
  const rows = inCharacters(found, found.entities).map(row);
  element("rows").replaceChildren(...rows);
  shownAs = found.entities.map((_, at) => ({ mark: marks[at], row: rows[at] }));
  show();
}

function tellUnknown() {
  const unknown = [...new Set(found.tokens.flat().filter((token) => token.unknown).map((token) => token.word))];
  const place = element("unknown");
  place.hidden = !unknown.length;
  if (!unknown.length) return;
  const listed = unknown.slice(0, LISTED).join(", ") + (unknown.length > LISTED ? ", ..." : "");
  place.textContent = `The model does not know what is underlined with dots, and sees [UNK] there: ${listed}`;
}

/** The switches of types, each with its count. */
function drawTypes() {
  const boxes = [...hues].map(([type, number]) => {
    const box = make("input", { type: "checkbox" });
    box.checked = !hidden.has(type);
    box.onchange = () => {
      if (box.checked) hidden.delete(type);
      else hidden.add(type);
      show();
    };
    const of = found.entities.filter((entity) => entity.entity_group === type).length;
    const label = make("label", {}, box, `${type} (${of})`);
    label.style.setProperty("--hue", number);
    return label;
  });
  element("types").replaceChildren(...boxes);
}

const least = () => Number(element("threshold").value);
const isShown = (entity) => entity.score >= least() && !hidden.has(entity.entity_group);

/** Shows what the switches let through. What is there already is turned on and off: long texts have thousands of names. */
function show() {
  element("threshold-value").textContent = least().toFixed(2);
  let shown = 0;
  for (const [at, { mark, row }] of shownAs.entries()) {
    const isOn = isShown(found.entities[at]);
    shown += isOn ? 1 : 0;
    if (row.hidden !== isOn) continue;
    row.hidden = !isOn;
    mark.classList.toggle("off", !isOn);
    if (isOn) mark.removeAttribute("role");
    else mark.setAttribute("role", "none");
  }
  const left = found.entities.length - shown;
  element("names-status").textContent = `${count(shown, "name")} in ${count(found.words, "word")}${left ? `; ${left} hidden by score or type` : ""}.`;
}

/** The text with marks, which are put into a list as well. */
function marked(entities, marks) {
  const whole = document.createDocumentFragment();
  const unknown = found.tokens.flat().filter((token) => token.unknown);
  let next = 0;
  // Text with what is unknown in it underlined.
  const text = (into, start, end) => {
    let at = start;
    while (next < unknown.length && unknown[next].start < end) {
      const token = unknown[next++];
      if (token.start < at) continue;
      into.append(found.text.slice(at, token.start));
      into.append(make("span", { class: "unknown", title: "[UNK]: the model does not know this word" }, found.text.slice(token.start, token.end)));
      at = token.end;
    }
    into.append(found.text.slice(at, end));
  };
  let at = 0;
  for (const entity of entities) {
    text(whole, at, entity.start);
    const { entity_group: type, score } = entity;
    const mark = make("mark", { title: `${type}, ${(100 * score).toFixed(1)} %` });
    mark.style.setProperty("--hue", hues.get(type) ?? 0);
    text(mark, entity.start, entity.end);
    mark.append(make("span", { class: "type" }, type));
    whole.append(mark);
    marks.push(mark);
    at = entity.end;
  }
  text(whole, at, found.text.length);
  return whole;
}

function row(entity) {
  const cell = (text) => make("td", {}, text);
  const name = make("td", { dir: "auto" }, entity.word);
  return make("tr", {}, name, cell(entity.entity_group), cell(entity.score.toFixed(3)), cell(`${entity.start}–${entity.end}`));
}

async function copy(form) {
  const shown = found.entities.filter(isShown);
  const text = { json: toJson, csv: toCsv, conll: toConll }[form](found, shown);
  try {
    await navigator.clipboard.writeText(text);
    element("names-status").textContent = `Copied ${count(shown.length, "name")} as ${form === "conll" ? "CoNLL" : form.toUpperCase()}.`;
  } catch {
    // Without a secure address browsers have no clipboard.
    element("copy-text").value = text;
    element("copy-dialog").showModal();
    element("copy-text").select();
  }
}
