"""Tags the sentences of a predictions file with transformers, and scores the file with seqeval.

    python3 -m venv ENV && ENV/bin/pip install torch transformers seqeval
    ENV/bin/python scripts/reference/check_predictions.py runs/NAME/seed-1 [SENTENCES]

Takes a folder that `electra finetune ner` wrote with argmax decoding and context = "sentence".
Asserts that ElectraForTokenClassification gives the first SENTENCES (200) of predictions-test.conll
that fit the window the tags that the file has, and that seqeval, in its default and strict mode,
scores the whole file as scores.json does.
"""

import json
import os
import sys

import torch
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOB2
from transformers import AutoTokenizer, ElectraForTokenClassification

folder = sys.argv[1]
wanted = int(sys.argv[2]) if len(sys.argv) > 2 else 200

with open(os.path.join(folder, "predictions-test.conll"), encoding="utf-8") as file:
    blocks = [block.split("\n") for block in file.read().strip("\n").split("\n\n")]
sentences = [[tuple(line.split(" ")) for line in block if line] for block in blocks]
words = [[word for word, _, _ in sentence] for sentence in sentences]
gold = [[tag for _, tag, _ in sentence] for sentence in sentences]
predicted = [[tag for _, _, tag in sentence] for sentence in sentences]

with open(os.path.join(folder, "tagger.json"), encoding="utf-8") as file:
    settings = json.load(file)
assert (settings["decoding"], settings["context"]) == ("argmax", "sentence"), settings
tokenizer = AutoTokenizer.from_pretrained(folder)
model, loading = ElectraForTokenClassification.from_pretrained(folder, output_loading_info=True)
assert not loading["missing_keys"] and not loading["unexpected_keys"], loading
model.eval()

compared = tags = left_out = 0
for sentence, ours in zip(words, predicted):
    if compared == wanted:
        break
    encoded = tokenizer(sentence, is_split_into_words=True, return_tensors="pt")
    owners = encoded.word_ids()
    # Longer sentences go through in several windows; a word of which nothing is left gets a piece
    # of its own from us and none from transformers.
    if len(owners) > settings["window"] or set(owners) - {None} != set(range(len(sentence))):
        left_out += 1
        continue
    with torch.no_grad():
        choices = model(**encoded).logits[0].argmax(-1).tolist()
    theirs = [model.config.id2label[choices[owners.index(word)]] for word in range(len(sentence))]
    assert theirs == ours, (sentence, theirs, ours)
    compared += 1
    tags += len(ours)
assert compared == min(wanted, len(sentences) - left_out), compared
print(f"transformers: {compared} sentences with equal tags, {tags} tags ({left_out} sentences left out)")

with open(os.path.join(folder, "scores.json"), encoding="utf-8") as file:
    scores = json.load(file)["details"]["test"]
for mode, options in [("default", {}), ("strict", {"mode": "strict", "scheme": IOB2})]:
    theirs = [score(gold, predicted, **options) for score in (precision_score, recall_score, f1_score)]
    ours = [scores[mode]["micro"][name] for name in ("precision", "recall", "f1")]
    assert all(abs(a - b) < 1e-12 for a, b in zip(theirs, ours)), (mode, theirs, ours)
    print(f"seqeval {mode}: precision {theirs[0]:.4f} recall {theirs[1]:.4f} F1 {theirs[2]:.4f}, as in scores.json")
