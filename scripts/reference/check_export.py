"""Loads what `electra export hf` wrote in transformers and compares outputs.

    python3 -m venv ENV && ENV/bin/pip install torch transformers
    ENV/bin/python scripts/reference/check_export.py target/release/electra RUN

Exports RUN, loads both networks and the tokenizer, asserts that no key is missing or unexpected,
and that transformers gives every token the probability that `electra detect --json` gives it.
"""

import json
import subprocess
import sys
import tempfile

import torch
from transformers import AutoTokenizer, ElectraForMaskedLM, ElectraForPreTraining, ElectraModel

TEXTS = [
    "The president of the united states spoke to congress about the budget.",
    "Economy - overview: the country exports copper, tea and timber, and imports fuel.",
    "Naïve café owners in São Paulo paid 3.50 for 12 eggs!",
]


def load(kind, folder):
    model, info = kind.from_pretrained(folder, output_loading_info=True)
    problems = {key: list(info[key]) for key in ("missing_keys", "unexpected_keys", "mismatched_keys") if info.get(key)}
    assert not problems, f"{kind.__name__} from {folder}: {problems}"
    return model.eval()


def main(program, run):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "export", "hf", run, "--out", f"{folder}/out"], check=True)
        discriminator = load(ElectraForPreTraining, f"{folder}/out/discriminator")
        generator = load(ElectraForMaskedLM, f"{folder}/out/generator")
        ElectraModel.from_pretrained(f"{folder}/out/discriminator")
        tokenizer = AutoTokenizer.from_pretrained(f"{folder}/out/discriminator")
        worst = 0.0
        for text in TEXTS:
            lines = subprocess.run(
                [program, "detect", "--model", run, "--json", text], check=True, capture_output=True, text=True
            ).stdout.splitlines()
            ours = [json.loads(line) for line in lines]
            batch = tokenizer(text, return_tensors="pt")
            tokens = tokenizer.convert_ids_to_tokens(batch["input_ids"][0])[1:-1]
            assert tokens == [o["token"] for o in ours], (tokens, ours)
            with torch.no_grad():
                theirs = torch.sigmoid(discriminator(**batch).logits[0, 1:-1])
            worst = max(worst, max(abs(o["probability"] - t.item()) for o, t in zip(ours, theirs)))
        assert worst < 1e-5, worst
        text = TEXTS[0].replace("congress", tokenizer.mask_token)
        batch = tokenizer(text, return_tensors="pt")
        at = batch["input_ids"][0].tolist().index(tokenizer.mask_token_id)
        with torch.no_grad():
            best = generator(**batch).logits[0, at].topk(5).indices
        print(f"{type(tokenizer).__name__}, {sum(p.numel() for p in discriminator.parameters()):,} parameters")
        print(f"largest difference of a probability: {worst:.1e} over {len(TEXTS)} texts")
        print(f"generator fills {text!r} with {tokenizer.convert_ids_to_tokens(best)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
