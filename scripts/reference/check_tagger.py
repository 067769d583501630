"""Loads what the tagger's folder holds in transformers and compares logits, there and back.

    python3 -m venv ENV && ENV/bin/pip install torch transformers
    cargo build -p electra-ner --example tagger_logits
    ENV/bin/python scripts/reference/check_tagger.py target/debug/examples/tagger_logits [DIR]

Takes the folder DIR of a tagger, or else one of random weights that transformers saves. Asserts
that our logits of every piece are those of transformers; then writes the folder again with our
program, and asserts that transformers finds no key missing or unexpected in it, the same labels,
and the same logits to the last bit.
"""

import json
import os
import subprocess
import sys
import tempfile

import torch
from transformers import AutoTokenizer, ElectraConfig, ElectraForTokenClassification, ElectraTokenizer

TEXTS = [
    "Angela Merkel met the president of France in Paris on Monday.",
    "The United Nations said Acme Corp. exported copper, tea and timber.",
    "Naïve café owners in São Paulo paid 3.50 for 12 eggs!",
]
LABELS = ["O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER"]


def random_tagger(folder):
    """A folder as `save_pretrained` writes it."""
    words = sorted({word.strip(".,!").lower() for text in TEXTS for word in text.split()})
    letters = [chr(i) for i in range(ord("a"), ord("z") + 1)] + list("0123456789.,!-")
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *("##" + letter for letter in letters[:36])]
    pieces += [word for word in words if word.isascii() and word not in pieces and len(word) % 2]
    vocabulary = os.path.join(folder, "vocab.txt")
    with open(vocabulary, "w", encoding="utf-8") as file:
        file.write("".join(piece + "\n" for piece in pieces))
    torch.manual_seed(1)
    config = ElectraConfig(
        vocab_size=len(pieces), embedding_size=16, hidden_size=24, num_hidden_layers=3, num_attention_heads=4,
        intermediate_size=48, max_position_embeddings=64, id2label=dict(enumerate(LABELS)),
        label2id={label: i for i, label in enumerate(LABELS)}, initializer_range=0.3,
    )
    ElectraForTokenClassification(config).save_pretrained(folder)
    ElectraTokenizer(vocab=vocabulary).save_pretrained(folder)


def load(folder):
    model, info = ElectraForTokenClassification.from_pretrained(folder, output_loading_info=True)
    problems = {key: list(info[key]) for key in ("missing_keys", "unexpected_keys", "mismatched_keys") if info.get(key)}
    assert not problems, f"{folder}: {problems}"
    return model.eval(), AutoTokenizer.from_pretrained(folder)


def logits(folder):
    model, tokenizer = load(folder)
    results = []
    for text in TEXTS:
        longest = model.config.max_position_embeddings
        batch = tokenizer(text, truncation=True, max_length=longest, return_tensors="pt")
        with torch.no_grad():
            results.append((tokenizer.convert_ids_to_tokens(batch["input_ids"][0]), model(**batch).logits[0]))
    return results, model.config


def main(program, given=None):
    with tempfile.TemporaryDirectory() as made, tempfile.TemporaryDirectory() as copy:
        folder = given or made
        if not given:
            random_tagger(made)
        lines = subprocess.run(
            [program, folder, copy], input="\n".join(TEXTS), check=True, capture_output=True, text=True
        ).stdout.splitlines()
        ours = [json.loads(line) for line in lines]
        theirs, config = logits(folder)
        worst = 0.0
        for our, (pieces, their) in zip(ours, theirs, strict=True):
            assert our["pieces"] == pieces, (our["pieces"], pieces)
            difference = (torch.tensor(our["logits"]) - their).abs().max().item()
            worst = max(worst, difference / their.abs().max().item())
        assert worst < 1e-5, worst
        again, copied = logits(copy)
        for key in ("id2label", "label2id", "hidden_dropout_prob", "attention_probs_dropout_prob", "architectures"):
            assert getattr(copied, key) == getattr(config, key), key
        for (pieces, before), (same, after) in zip(theirs, again, strict=True):
            assert pieces == same and torch.equal(before, after)
        count = sum(len(pieces) for pieces, _ in theirs)
        print(f"{config.num_labels} labels, {count} pieces: largest difference {worst:.1e} of the largest logit")
        print("written again and loaded: no key missing or unexpected, labels and logits equal")


if __name__ == "__main__":
    main(*sys.argv[1:])
