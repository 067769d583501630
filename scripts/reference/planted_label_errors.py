"""Precision of suspected label errors on a data set into which errors were put, beside cleanlab's.

    python3 -m venv ENV && ENV/bin/pip install cleanlab==2.9.0
    ENV/bin/python scripts/reference/planted_label_errors.py plant train.conll --out planted
    electra check ner planted/train.conll --model runs/demo/run --folds 5 --out planted/folds --json \\
        --probabilities planted/probabilities.jsonl > planted/checked.json
    ENV/bin/python scripts/reference/planted_label_errors.py score planted

`plant` changes one entity in twenty (`--share`): a third loses its label, a third gets another type, a third a wrong
end; and it makes as many names of a third of that number of words outside entities. The input is IOB2 in two
columns. `planted/errors.json` has the changed words.

`score` prints, of the first 50 and 200 suspected stretches, the share that has a changed word: in the order of
electra, and in that of cleanlab (`filter_by="confident_learning"`, by normalised margin, neighbouring words
joined) on the same probabilities. It exits with 1 if the two orders differ. A suspected label that nobody changed
may be wrong as well: the data had errors before.
"""

import argparse
import json
import pathlib
import random
import sys


def sentences_of(path):
    sentences, words = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        if line.strip():
            token, tag = line.split("\t")
            words.append([number, token, tag])
        elif words:
            sentences.append(words)
            words = []
    return sentences + ([words] if words else [])


def entities_of(words):
    starts = [n for n, (_, _, tag) in enumerate(words) if tag.startswith("B-")]
    for start in starts:
        end = start + 1
        while end < len(words) and words[end][2].startswith("I-"):
            end += 1
        yield start, end


def plant(arguments):
    draw = random.Random(arguments.seed)
    sentences = sentences_of(arguments.file)
    entities = [(words, start, end) for words in sentences for start, end in entities_of(words)]
    types = sorted({words[start][2][2:] for words, start, _ in entities})
    outside = [(words, n) for words in sentences for n, (_, token, tag) in enumerate(words) if tag == "O" and token.isalpha()]
    changed = []

    def tag(words, n, value):
        if words[n][2] != value:
            words[n][2] = value
            changed.append(words[n][0])

    count = round(arguments.share * len(entities))
    for number, (words, start, end) in enumerate(draw.sample(entities, count)):
        kind = words[start][2][2:]
        if number % 3 == 0:
            for n in range(start, end):
                tag(words, n, "O")
        elif number % 3 == 1 and len(types) > 1:
            other = draw.choice([name for name in types if name != kind])
            for n in range(start, end):
                tag(words, n, ("B-" if n == start else "I-") + other)
        elif end - start > 1:
            tag(words, end - 1, "O")
        elif end < len(words) and words[end][2] == "O":
            tag(words, end, "I-" + kind)
        else:
            tag(words, start, "O")
    for words, n in draw.sample(outside, count // 3):
        tag(words, n, "B-" + draw.choice(types))
    arguments.out.mkdir(parents=True, exist_ok=True)
    text = "\n\n".join("\n".join(f"{token}\t{tag}" for _, token, tag in words) for words in sentences)
    (arguments.out / arguments.file.name).write_text(text + "\n", encoding="utf-8")
    # Lines of the written file, from 1: sentences are divided by one empty line there.
    lines, line = {}, 0
    for words in sentences:
        for number, _, _ in words:
            line += 1
            lines[number] = line
        line += 1
    errors = sorted(lines[number] for number in set(changed))
    (arguments.out / "errors.json").write_text(json.dumps(errors))
    print(f"{len(entities)} entities, {count} changed and {count // 3} made: {len(errors)} words with wrong labels")


def suspected_by_cleanlab(path):
    import numpy
    from cleanlab.filter import find_label_issues

    labels, rows, places = [], [], []
    for line in path.read_text(encoding="utf-8").splitlines():
        sentence = json.loads(line)
        names = sentence["names"]
        for n, label in enumerate(sentence["labels"]):
            labels.append(names.index(label))
            rows.append(sentence["probabilities"][n])
            places.append(sentence["line"] + n)
    labels, rows = numpy.array(labels), numpy.array(rows)
    issues = find_label_issues(
        labels,
        rows,
        filter_by="confident_learning",
        return_indices_ranked_by="normalized_margin",
        min_examples_per_class=0,
        n_jobs=1,
    )
    margins = {}
    for word in issues:
        others = numpy.delete(rows[word], labels[word])
        margins[places[word]] = rows[word][labels[word]] - others.max()
    stretches, before = [], None
    for place in sorted(margins):
        if before == place - 1:
            stretches[-1].append(place)
        else:
            stretches.append([place])
        before = place
    return sorted(stretches, key=lambda stretch: min(margins[place] for place in stretch))


def score(arguments):
    errors = set(json.loads((arguments.folder / "errors.json").read_text()))
    checked = json.loads((arguments.folder / "checked.json").read_text())
    ours = [
        list(range(stretch["line"] + stretch["start"], stretch["line"] + stretch["end"]))
        for stretch in checked["suspects"]
    ]
    theirs = suspected_by_cleanlab(arguments.folder / "probabilities.jsonl")
    print(json.dumps(checked["cross_validation"]))
    for name, stretches in [("electra", ours), ("cleanlab", theirs)]:
        for first in (50, 200):
            found = [any(place in errors for place in stretch) for stretch in stretches[:first]]
            print(f"{name}: of the first {len(found)} of {len(stretches)} stretches {sum(found) / len(found):.3f} changed")
        met = {place for stretch in stretches for place in stretch} & errors
        print(f"{name}: {len(met)} of {len(errors)} changed words suspected")
    if ours != theirs:
        at = next((n for n, pair in enumerate(zip(ours, theirs)) if pair[0] != pair[1]), min(len(ours), len(theirs)))
        print(f"the orders differ from stretch {at + 1} on: lines {ours[at:at + 1]} and {theirs[at:at + 1]}")
        sys.exit(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    planting = commands.add_parser("plant", help="put errors into a data set")
    planting.add_argument("file", type=pathlib.Path)
    planting.add_argument("--out", type=pathlib.Path, required=True)
    planting.add_argument("--share", type=float, default=0.05)
    planting.add_argument("--seed", type=int, default=1)
    planting.set_defaults(run=plant)
    scoring = commands.add_parser("score", help="precision of what was suspected")
    scoring.add_argument("folder", type=pathlib.Path)
    scoring.set_defaults(run=score)
    arguments = parser.parse_args()
    arguments.run(arguments)


main()
