// Asking the service, and telling what goes wrong.

let token = "";
let again = () => {};

export const element = (id) => document.getElementById(id);

/** An element with these attributes and children; text stays text. */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Calls `act` when there is a token. */
export function onToken(act) {
  again = act;
}

element("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  token = element("token").value.trim();
  element("token-form").hidden = true;
  again();
});

/** Shows a problem, or none. */
export function tell(text) {
  const place = element("problem");
  place.hidden = !text;
  place.textContent = text ?? "";
}

/**
 * The answer of the service to a question, or nothing if it has none: what is wrong is on the page then. With a body
 * it is sent as JSON.
 */
export async function ask(path, body, signal) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const options = { headers, signal };
  if (body) {
    options.method = "POST";
    headers["Content-Type"] = "application/json";
    // Halves of characters, which a text area can hold, are no text.
    options.body = JSON.stringify(body, (_, value) => (typeof value === "string" ? value.toWellFormed() : value));
  }
  try {
    const response = await fetch(path, options);
    const answer = await response.json();
    if (response.ok) {
      tell();
      return answer;
    }
    if (response.status === 401) {
      element("token-form").hidden = false;
      element("token").focus();
      tell(token ? `The service says: ${answer.detail}.` : undefined);
      return undefined;
    }
    tell(`The service says: ${answer.detail}. What to do: ${answer.remedy}.`);
  } catch (error) {
    if (error.name === "AbortError") return undefined;
    tell(`The service does not answer (${error.message}). Is it still running?`);
  }
  return undefined;
}

/** Marks a button as busy while `work` goes on. */
export async function busy(button, work) {
  button.setAttribute("aria-busy", "true");
  try {
    return await work();
  } finally {
    button.removeAttribute("aria-busy");
  }
}

/** Fills a menu of examples, which write their text into an area. */
export function examples(menu, area, texts) {
  menu.replaceChildren(new Option("choose ...", ""), ...Object.keys(texts).map((name) => new Option(name, name)));
  menu.addEventListener("change", () => {
    if (!(menu.value in texts)) return;
    area.value = texts[menu.value];
    area.form.requestSubmit();
  });
}

/** A count with its noun. */
export const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
