"""Writes crates/electra-annotations/tests/fixtures/nervaluate.json: made-up tags and what nervaluate says.

    python3 -m venv ENV && ENV/bin/pip install nervaluate==1.2.1
    ENV/bin/python scripts/reference/partial_credit.py

Tags are of IOB2, with errors in some cases: an I after an O, a type that changes inside. Some entities have
more than a hundred tokens, of which one in common is less than the hundredth that nervaluate asks for.
"""

import json
import random
from importlib.metadata import version
from pathlib import Path

from nervaluate import Evaluator

CASES = 180
FIXTURE = Path(__file__).parents[2] / "crates/electra-annotations/tests/fixtures/nervaluate.json"
COUNTS = ["correct", "incorrect", "partial", "missed", "spurious", "precision", "recall", "f1"]


def legal(random, length, types, longest):
    """Tags of a sentence in IOB2."""
    tags = []
    while len(tags) < length:
        if random.random() < 0.5:
            tags.append("O")
        else:
            kind, words = random.choice(types), random.randint(1, longest)
            tags += [f"B-{kind}"] + [f"I-{kind}"] * (words - 1)
    return tags[:length]


def changed(random, tags, types):
    """Tags with a few of them others, moved or lost, as a tagger might have them."""
    tags = list(tags)
    for at in range(len(tags)):
        if random.random() < 0.25:
            tags[at] = random.choice(["O"] + [f"{letter}-{kind}" for letter in "BI" for kind in types])
    return tags


def case(number):
    numbers = random.Random(number)
    types = ["PER", "LOC", "ORG"][: numbers.randint(1, 3)]
    gold, predicted = [], []
    for _ in range(numbers.randint(1, 3)):
        is_long = number % 30 == 0
        length = numbers.randint(200, 260) if is_long else numbers.randint(1, 14)
        tags = legal(numbers, length, types, 150 if is_long else 4)
        gold.append(tags)
        match number % 3:
            case 0 if not is_long:
                predicted.append(legal(numbers, length, types, 4))
            case _ if is_long:
                predicted.append(legal(numbers, length, types, 3))
            case _:
                predicted.append(changed(numbers, tags, types))
    return gold, predicted


def scores(results):
    return {name: [getattr(result, count) for count in COUNTS] for name, result in sorted(results.items())}


def main():
    assert version("nervaluate") == "1.2.1", version("nervaluate")
    cases = []
    for number in range(CASES):
        gold, predicted = case(number)
        tags = sorted({tag[2:] for tags in gold + predicted for tag in tags if tag != "O"})
        if not tags:
            continue
        results = Evaluator(gold, predicted, tags=tags, loader="list").evaluate()
        entities = {kind: scores(found) for kind, found in sorted(results["entities"].items())}
        join = lambda sentences: [" ".join(tags) for tags in sentences]
        found = {"gold": join(gold), "predicted": join(predicted), "overall": scores(results["overall"])}
        cases.append(found | {"types": entities})
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    FIXTURE.write_text(f"[\n{lines}\n]\n")
    print(f"{len(cases)} cases")


main()
