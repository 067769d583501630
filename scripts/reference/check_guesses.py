"""Compares the guesses of `electra serve` (POST /v1/guess) with transformers' fill-mask on the exported generator.

    python3 -m venv ENV && ENV/bin/pip install torch transformers
    ENV/bin/python scripts/reference/check_guesses.py target/release/electra RUN [GAPS]

Exports RUN, asks a service of it for the likeliest words in GAPS (300) random gaps of texts in several
scripts, and asserts that the fill-mask pipeline, in double precision, gives the same pieces in the same order
with the same probabilities. Of pieces whose probabilities are nearer than single precision tells them apart
the order may differ, which is counted. Texts that are longer than the position table are cut by the service to
what is around the gap, and refused by the pipeline: there the network itself is asked for the same window.
"""

import json
import random
import subprocess
import sys
import tempfile
import urllib.request

import torch
from transformers import AutoTokenizer, ElectraForMaskedLM, pipeline

TEXTS = [
    "The president of the united states spoke to congress about the budget.",
    "Economy - overview: the country exports copper, tea and timber, and imports fuel.",
    "Naïve café owners in São Paulo paid 3.50 for 12 eggs!",
    "Zoë 😀 met 👩\u200d👧 in 北京,\tand (later) left\u00a0Köln\u2026",
    "\n  It   rained\r\n all day long in [Rome] ; it's co-operative's.  ",
    "word",
    "The treaty was signed by both nations and sent to the senate. " * 40,
]
# Of two probabilities that differ by less, single precision may have either first.
NEAR = 1e-5


def gaps(chance, number):
    """Words, parts of words, several words, and places between characters."""
    for at in range(number):
        text = TEXTS[at % len(TEXTS)]
        kind = chance.randrange(3)
        if kind == 0:
            start = chance.randrange(len(text))
            end = next((i for i in range(start, len(text)) if text[i].isspace()), len(text))
            start = max((i + 1 for i in range(start) if text[i].isspace()), default=0)
            yield text, start, max(start, end)
        else:
            start = chance.randrange(len(text) + 1)
            yield text, start, min(len(text), start + (kind - 1) * chance.randrange(12))


def expected(filler, tokenizer, text, start, end):
    """The likeliest pieces that begin a word, and whether the pipeline gave them."""
    masked = text[:start] + tokenizer.mask_token + text[end:]
    ids = tokenizer(masked)["input_ids"]
    room = filler.model.config.max_position_embeddings
    if len(ids) <= room:
        found = filler(masked, top_k=300)
        pairs = [(tokenizer.convert_ids_to_tokens(one["token"]), one["score"]) for one in found]
    else:
        at = ids.index(tokenizer.mask_token_id)
        before, after = ids[1:at], ids[at + 1 : -1]
        room -= 3
        behind = min(len(after), max(room // 2, room - len(before)))
        front = min(len(before), room - behind)
        window = [ids[0], *before[len(before) - front :], ids[at], *after[:behind], ids[-1]]
        with torch.no_grad():
            logits = filler.model(torch.tensor([window])).logits[0, 1 + front]
        best = torch.softmax(logits, 0).topk(300)
        pairs = list(zip(tokenizer.convert_ids_to_tokens(best.indices), best.values.tolist()))
    is_word = lambda piece: not piece.startswith("##") and not (piece.startswith("[") and piece.endswith("]"))
    return [pair for pair in pairs if is_word(pair[0])], len(ids) <= filler.model.config.max_position_embeddings


def main(program, run, number=300):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "export", "hf", run, "--out", f"{folder}/out"], check=True, stdout=subprocess.DEVNULL)
        tokenizer = AutoTokenizer.from_pretrained(f"{folder}/out/generator")
        model = ElectraForMaskedLM.from_pretrained(f"{folder}/out/generator").double().eval()
    filler = pipeline("fill-mask", model=model, tokenizer=tokenizer)
    service = subprocess.Popen([program, "serve", "--detector", run, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    try:
        address = service.stdout.readline().split()[-1]
        compared = by_pipeline = swapped = 0
        worst = 0.0
        for text, start, end in gaps(random.Random(1), int(number)):
            body = json.dumps({"text": text, "start": start, "end": end}).encode()
            request = urllib.request.Request(f"{address}/v1/guess", body, {"Content-Type": "application/json"})
            ours = [(one["token"], one["probability"]) for one in json.load(urllib.request.urlopen(request))["guesses"]]
            theirs, is_whole = expected(filler, tokenizer, text, start, end)
            by_pipeline += is_whole
            for place, (token, probability) in enumerate(ours):
                of_theirs = dict(theirs)[token]
                worst = max(worst, abs(probability - of_theirs) / of_theirs)
                if token != theirs[place][0]:
                    swapped += 1
                    near = abs(of_theirs - theirs[place][1]) / of_theirs
                    assert near < NEAR, (text, start, end, place, token, theirs[place], of_theirs)
                compared += 1
        assert worst < 1e-4, worst
        print(f"{compared} guesses for {number} gaps, {by_pipeline} of them by the pipeline: {swapped} in another order, "
              f"largest relative difference of a probability {worst:.1e}")
    finally:
        service.terminate()
        service.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
