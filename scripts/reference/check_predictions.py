"""Tags the sentences of a predictions file with transformers, and scores the file with seqeval.

    python3 -m venv ENV && ENV/bin/pip install torch transformers seqeval
    ENV/bin/python scripts/reference/check_predictions.py runs/NAME/seed-1 [SENTENCES]

Takes a folder that `electra finetune ner` wrote. Asserts of the first SENTENCES (200) of
predictions-test.conll that the position table holds:
  - of a tagger with argmax decoding and context = "sentence", that ElectraForTokenClassification
    gives sentences no longer than the window the tags that the file has;
  - where that is every sentence of the file, that the agreement with transformers in scores.json,
    which the model card has, is what transformers itself gives.
And that seqeval, in its default and strict mode, scores the whole file as scores.json does.
"""

import json
import os
import sys

import torch
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import get_entities
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
is_plain = (settings["decoding"], settings["context"]) == ("argmax", "sentence")
tokenizer = AutoTokenizer.from_pretrained(folder)
model, loading = ElectraForTokenClassification.from_pretrained(folder, output_loading_info=True)
assert not loading["missing_keys"] and not loading["unexpected_keys"], loading
model.eval()

tagged, equal, tags, left_out = [], 0, 0, 0
for sentence, ours in zip(words, predicted):
    if len(tagged) == wanted:
        break
    # A word of which the tokenizer leaves nothing is unknown to us; transformers would pass it over.
    known = [word if tokenizer.tokenize(word) else tokenizer.unk_token for word in sentence]
    encoded = tokenizer(known, is_split_into_words=True, return_tensors="pt")
    owners = encoded.word_ids()
    if len(owners) > model.config.max_position_embeddings or set(owners) - {None} != set(range(len(sentence))):
        left_out += 1
        continue
    with torch.no_grad():
        choices = model(**encoded).logits[0].argmax(-1).tolist()
    theirs = [model.config.id2label[choices[owners.index(word)]] for word in range(len(sentence))]
    # What is longer than a window we read in several.
    if is_plain and len(owners) <= settings["window"]:
        assert theirs == ours, (sentence, theirs, ours)
        equal += 1
    tagged.append(theirs)
    tags += len(ours)
assert len(tagged) == min(wanted, len(sentences) - left_out), len(tagged)
print(f"transformers: {len(tagged)} sentences, {equal} of them held against ours and equal, {tags} tags ({left_out} sentences left out)")

with open(os.path.join(folder, "scores.json"), encoding="utf-8") as file:
    scores = json.load(file)["details"]["test"]
if len(tagged) == len(sentences):
    own, other = set(get_entities(predicted)), set(get_entities(tagged))
    found = {
        "entities": len(own), "of_transformers": len(other), "same": len(own & other), "f1": float(f1_score(gold, tagged)),
    }
    assert all(abs(scores["transformers"][key] - value) < 1e-12 for key, value in found.items()), (scores["transformers"], found)
    print(f"agreement as in scores.json: {found}")
else:
    print("agreement: not compared, as not every sentence was tagged")
for mode, options in [("default", {}), ("strict", {"mode": "strict", "scheme": IOB2})]:
    theirs = [score(gold, predicted, **options) for score in (precision_score, recall_score, f1_score)]
    ours = [scores[mode]["micro"][name] for name in ("precision", "recall", "f1")]
    assert all(abs(a - b) < 1e-12 for a, b in zip(theirs, ours)), (mode, theirs, ours)
    print(f"seqeval {mode}: precision {theirs[0]:.4f} recall {theirs[1]:.4f} F1 {theirs[2]:.4f}, as in scores.json")
