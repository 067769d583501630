"""Draws the pictures of the README from what the program says: called by scripts/make-pictures.sh.

    pictures.py detect SENTENCE TOKENS.jsonl ... > detect.svg  (the lines of `electra detect --json`)
    pictures.py report REPORT.html > report.svg                (facts and four curves of a run's report)

Each picture has its own background and colours, so that it can be read on a light and on a dark page.
"""

import html
import json
import re
import sys

FONT = "ui-sans-serif, system-ui, Segoe UI, Roboto, Helvetica, Arial, sans-serif"
MONO = "ui-monospace, SF Mono, Menlo, Consolas, DejaVu Sans Mono, monospace"
CURVES = ["Total loss", "Discriminator AUC", "Generator loss", "Discriminator loss / H(q)"]


def esc(text):
    return html.escape(text, quote=True)


def svg(width, height, title, paper, body):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
            f'role="img" aria-label="{esc(title)}">\n<title>{esc(title)}</title>\n'
            f'<rect width="{width}" height="{height}" rx="10" fill="{paper}"/>\n{body}\n</svg>')


def detect(pairs):
    """Sentences, each token on the colour that `electra detect` gives it on a terminal."""
    step, left, y, width, parts = 11.0, 24, 20, 0, []

    def word(x, y, text, fill, size, advance):
        # Every font takes the same room.
        return (f'<text x="{x:.1f}" y="{y}" fill="{fill}" font-size="{size}" font-family="{MONO}" xml:space="preserve" '
                f'textLength="{len(text) * advance:.1f}" lengthAdjust="spacingAndGlyphs">{esc(text)}</text>')

    for sentence, tokens in pairs:
        command = f'$ electra detect --model runs/demo/run "{sentence}"'
        parts.append(word(left, y + 14, command, "#9aa3ad", 13, 7.6))
        width = max(width, left + 7.6 * len(command))
        x, at = float(left), 0
        for token in tokens:
            x += step * (token["start"] - at)
            text, p = sentence[token["start"]:token["end"]], min(max(token["probability"], 0.0), 1.0)
            red, green = int(60 + 160 * p), int(60 + 100 * (1 - p))
            parts.append(f'<rect x="{x:.1f}" y="{y + 28}" width="{len(text) * step:.1f}" height="28" '
                         f'fill="rgb({red},{green},60)"/>')
            parts.append(word(x, y + 48, text, "#ffffff", 18, step))
            x += step * len(text)
            if p >= 0.5:
                mark = f"({100 * p:.0f}%)"
                parts.append(word(x + 2, y + 48, mark, "#c3c9d0", 14, 8.2))
                x += 4 + 8.2 * len(mark)
            at = token["end"]
        width, y = max(width, x), y + 82
    legend = "green: looks original; red: looks replaced, with its probability from one half on"
    parts.append(f'<text x="{left}" y="{y + 8}" fill="#9aa3ad" font-size="13" font-family="{FONT}">{legend}</text>')
    return svg(int(width) + left, y + 28, "Two sentences as electra detect colours them", "#15171b", "\n".join(parts))


def only(pattern, text, what):
    found = re.search(pattern, text, re.S)
    if not found:
        sys.exit(f"the report has no {what}: pictures.py reads another form of it")
    return found


def report(page):
    """The head of a report and four of its curves."""
    root = only(r":root \{(.*?)\}", page, "colours").group(1)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]+)", root))

    def own(text):
        return re.sub(r"var\(--([\w-]+)\)", lambda name: colours.get(name.group(1), name.group(0)), text)

    def text(x, y, what, fill, size, more=""):
        return (f'<text x="{x}" y="{y}" fill="{colours[fill]}" font-size="{size}" font-family="{FONT}" {more}>'
                f'{esc(html.unescape(what))}</text>')

    # The rules of drawings, which have classes and no colours.
    rules = [line for line in page.split("\n") if re.match(r"svg\.plot [^{]", line) or "{ --hue: " in line]
    style = own("\n".join(rules)) or sys.exit("the report has no rules for drawings: pictures.py reads another form")
    parts = [f"<style>\n{style}\n</style>"]
    parts += [text(32, 46, "A run of electra demo, as its report.html shows it", "ink", 24, 'font-weight="600"')]
    facts = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page)
    facts = [(name, value) for name, value in facts if html.unescape(name) in
             ("steps", "tokens", "parameters")]
    for i, (name, value) in enumerate(facts):
        parts.append(text(32 + i * 210, 92, value, "ink", 20, 'font-weight="600"'))
        parts.append(text(32 + i * 210, 113, name, "muted", 14))
    figures = re.findall(r"<figure>.*?</figure>", page, re.S)
    panels = {html.unescape(re.sub(r"<.*?>", "", only(r"<b>(.*?)</b>", f, "title of a curve").group(1))): f for f in figures}
    width, height = 530, 275
    for i, name in enumerate(CURVES):
        if name not in panels:
            sys.exit(f"the report has no curve {name!r}: it has {', '.join(panels)}")
        figure = panels[name]
        x, y = 32 + (i % 2) * (width + 36), 146 + (i // 2) * (height + 22)
        last = only(r'class="last">(.*?)<', figure, "last value").group(1)
        under = only(r'class="under"><span>(.*?)</span>', figure, "explanation").group(1)
        parts.append(text(x, y + 14, name, "ink", 16, 'font-weight="600"'))
        parts.append(text(x + width, y + 14, last, "ink", 16, 'font-weight="600" text-anchor="end"'))
        parts.append(text(x, y + 33, under, "muted", 13))
        curve = only(r"<svg[^>]*viewBox=\"([^\"]*)\"[^>]*>(.*?)</svg>", figure, "curve")
        parts.append(f'<svg class="plot" x="{x}" y="{y + 40}" width="{width}" height="{height - 40}" '
                     f'viewBox="{curve.group(1)}">{curve.group(2).strip()}</svg>')
    y = 146 + 2 * (height + 22) + 8
    for x, colour, what in [(32, "training", "training"), (140, "held-out", "held-out documents")]:
        parts.append(f'<rect x="{x}" y="{y - 6}" width="18" height="3" fill="{colours[colour]}"/>')
        parts.append(text(x + 26, y, what, "muted", 13))
    return svg(2 * width + 100, y + 26, "Curves of a pretraining run, from its report", colours["paper"], "\n".join(parts))


def main(arguments):
    if len(arguments) >= 3 and arguments[0] == "detect" and len(arguments) % 2 == 1:
        pairs = []
        for sentence, name in zip(arguments[1::2], arguments[2::2]):
            with open(name, encoding="utf-8") as lines:
                pairs.append((sentence, [json.loads(line) for line in lines]))
        print(detect(pairs))
    elif len(arguments) == 2 and arguments[0] == "report":
        with open(arguments[1], encoding="utf-8") as page:
            print(report(page.read()))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
