// The page of the service: its two views, and what both need.

import { names } from "./names.js";
import { replaced } from "./replaced.js";
import { ask, element, onToken } from "./asking.js";

const tabs = ["names", "replaced"].map((name) => element(`tab-${name}`));

/** Shows one view. */
function select(tab) {
  for (const other of tabs) {
    const isChosen = other === tab;
    other.setAttribute("aria-selected", String(isChosen));
    other.tabIndex = isChosen ? 0 : -1;
    element(other.getAttribute("aria-controls")).hidden = !isChosen;
  }
}

for (const [at, tab] of tabs.entries()) {
  tab.addEventListener("click", () => select(tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const next = { Home: 0, End: tabs.length - 1 }[event.key] ?? (step && (at + step + tabs.length) % tabs.length);
    if (next === undefined) return;
    event.preventDefault();
    select(tabs[next]);
    tabs[next].focus();
  });
}

for (const area of document.querySelectorAll("form textarea")) {
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) area.form.requestSubmit();
  });
}

/** Asks what the service has, and prepares the views for it. */
async function begin() {
  const found = await ask("v1/models");
  if (!found) return;
  const taggers = found.models.filter((model) => model.types);
  const detectors = found.models.filter((model) => !model.types);
  const choice = element("model");
  if (taggers.length) {
    choice.replaceChildren(...taggers.map((model) => new Option(model.name, model.name)));
    choice.disabled = taggers.length < 2;
  }
  names(taggers, choice);
  replaced(detectors[0]);
  if (!taggers.length && detectors.length) select(tabs[1]);
}

onToken(begin);
begin();
