// What is copied: names as JSON, as CSV, and words with tags as CoNLL has them.

/** Characters, as Python counts them, in front of each place of a list that grows. */
function characters(text) {
  let [at, passed] = [0, 0];
  return (place) => {
    for (const character of text.slice(at, place)) passed += character ? 1 : 0;
    at = place;
    return passed;
  };
}

/** The names with places in characters, as `electra predict --format json` writes them. */
export function inCharacters({ text }, shown) {
  const before = characters(text);
  return shown.map((entity) => ({ ...entity, start: before(entity.start), end: before(entity.end) }));
}

export function toJson(found, shown) {
  return `${JSON.stringify(inCharacters(found, shown), null, 1)}\n`;
}

export function toCsv(found, shown) {
  const quoted = (value) => `"${String(value).replaceAll('"', '""')}"`;
  const line = (values) => `${values.map(quoted).join(",")}\r\n`;
  const keys = ["entity_group", "score", "word", "start", "end"];
  return line(keys) + inCharacters(found, shown).map((entity) => line(keys.map((key) => entity[key]))).join("");
}

/** Words of names that are not shown are outside. */
export function toConll({ tokens }, shown) {
  let next = 0;
  const tag = (token) => {
    while (next < shown.length && shown[next].end <= token.start) next += 1;
    const isInside = next < shown.length && shown[next].start <= token.start;
    return isInside ? token.tag : "O";
  };
  const sentence = (words) => `${words.map((token) => `${token.word}\t${tag(token)}\n`).join("")}\n`;
  return tokens.map(sentence).join("");
}
