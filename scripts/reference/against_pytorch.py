"""Takes turns between `electra bench` and bench_pytorch.py, and prints ratios with their spread.

Called by scripts/bench-against-pytorch.sh, which makes the environment.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

CORPUS = "crates/electra-cli/corpus"
ELECTRA = os.environ.get("ELECTRA", "target/release/electra")
PYTORCH = [sys.executable, "scripts/reference/bench_pytorch.py"]
# Large pages help PyTorch a little; the thresholds keep its allocator from returning memory.
TUNABLES = ("glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967296:"
            "glibc.malloc.trim_threshold=8589934592:glibc.malloc.top_pad=268435456")


def step(sizes, batch, dropout, dtype="fp32"):
    """Pretraining steps of the same sizes on both sides."""
    precision = {"fp32": "f32", "bf16": "bf16"}[dtype]
    ours = [ELECTRA, "bench", "step", f"configs/pretrain/{sizes}.toml", "--batch-size", str(batch), "--steps", "7",
            "--set", f"train.dropout={dropout}", "--set", f'train.precision="{precision}"', "--json"]
    theirs = [*PYTORCH, "step", "--sizes", sizes, "--batch", str(batch), "--dropout", str(dropout), "--dtype", dtype]
    return ours, theirs


def tagger(task, dtype="fp32", onnx=False):
    precision = {"fp32": "f32", "bf16": "bf16"}[dtype]
    ours = [ELECTRA, "bench", "ner", "configs/pretrain/small.toml", "--task", task, "--json",
            "--set", f'train.precision="{precision}"']
    ours += [] if task == "latency" else ["--repetitions", "7"]
    theirs = [*PYTORCH, task, "--dtype", dtype, *(["--onnx", "target/pytorch/tagger.onnx"] if onnx else [])]
    return ours, theirs


# What each case is called, its two commands, and the least ratio that the project asks of itself.
CASES = {
    "small": (*step("small", 16, 0.1), 1.25),
    "small-no-dropout": (*step("small", 16, 0.0), 1.25),
    "small-32": (*step("small", 32, 0.1), 1.25),
    "tiny": (*step("tiny", 32, 0.1), 1.5),
    "small-bf16": (*step("small", 16, 0.1, "bf16"), 1.1),
    "tiny-bf16": (*step("tiny", 32, 0.1, "bf16"), 1.1),
    "tagger-train": (*tagger("train"), 1.25),
    "tagger-train-bf16": (*tagger("train", "bf16"), 1.25),
    "tagger-infer-onnx": (*tagger("infer", onnx=True), 1.0),
    "tagger-latency-onnx": (*tagger("latency", onnx=True), 1.0),
    "data": (None, None, 1.5),
}


def measured(command, threads):
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "true"}
    if command[0] == sys.executable:
        environment["GLIBC_TUNABLES"] = TUNABLES
    ran = subprocess.run([*command, "--threads", str(threads)], env=environment, capture_output=True, text=True)
    if ran.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{ran.stderr}")
    return json.loads(ran.stdout.splitlines()[-1])


def build_rate(text, tokenizer, threads):
    """Bytes in a second of `electra data build`, reading, packing and writing included."""
    with tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        subprocess.run([ELECTRA, "data", "build", "--input", text, "--tokenizer", tokenizer, "--seq-len", "128",
                        "--threads", str(threads), "--out", os.path.join(out, "data")], check=True, capture_output=True)
        return os.path.getsize(text) / (time.perf_counter() - start)


def library_rate(text, tokenizer, threads):
    """Bytes in a second of the Python binding of tokenizers alone, text in memory."""
    program = ("import sys, time; from tokenizers import Tokenizer\n"
               "t = Tokenizer.from_file(sys.argv[2]); t.no_truncation(); t.no_padding()\n"
               "docs = open(sys.argv[1], encoding='utf-8').read().split('\\n\\n')\n"
               "s = time.perf_counter()\n"
               "for i in range(0, len(docs), 1000): t.encode_batch_fast(docs[i:i + 1000], add_special_tokens=False)\n"
               "print(time.perf_counter() - s)")
    environment = {**os.environ, "RAYON_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "true"}
    file = os.path.join(tokenizer, "tokenizer.json")
    ran = subprocess.run([sys.executable, "-c", program, text, file], env=environment, capture_output=True, text=True,
                         check=True)
    return os.path.getsize(text) / float(ran.stdout)


def data_round(threads, folder):
    """The embedded corpus, several times over, so that starting up counts little."""
    import zstandard

    text, tokenizer = os.path.join(folder, "text.txt"), os.path.join(folder, "vocab")
    if not os.path.exists(text):
        with open(text, "wb") as out:
            for name in sorted(os.listdir(CORPUS)):
                if name.endswith(".zst"):
                    with open(os.path.join(CORPUS, name), "rb") as packed:
                        unpacked = zstandard.ZstdDecompressor().stream_reader(packed).read()
                    out.write((unpacked + b"\n\n") * 4)
        subprocess.run([ELECTRA, "data", "tokenizer", "--input", text, "--vocab-size", "8192", "--out", tokenizer],
                       check=True, capture_output=True)
    return build_rate(text, tokenizer, threads) / 1e6, library_rate(text, tokenizer, threads) / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help="cases, with commas between: " + ", ".join(CASES))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", help="also write everything measured")
    a = parser.parse_args()
    names = a.only.split(",") if a.only else list(CASES)
    if unknown := [name for name in names if name not in CASES]:
        parser.error(f"no case {unknown[0]}; there are {', '.join(CASES)}")

    everything = {}
    print(f"{'case':<20} {'ours':>9} {'theirs':>9} {'ratio':>6} {'spread':>12} {'goal':>5} {'memory':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            ours, theirs, goal = CASES[name]
            rounds = []
            for _ in range(a.rounds):
                if ours is None:
                    rates = data_round(a.threads, folder)
                    rounds.append({"ours": rates[0], "theirs": rates[1]})
                    continue
                x, y = measured(ours, a.threads), measured(theirs, a.threads)
                rounds.append({"ours": x["tokens_per_second"], "theirs": y["tokens_per_second"],
                               "our_rss_mb": x["peak_rss_mb"], "their_rss_mb": y["peak_rss_mb"]})
            ratios = sorted(r["ours"] / r["theirs"] for r in rounds)
            median = {side: statistics.median(r[side] for r in rounds) for side in ("ours", "theirs")}
            memory = "-"
            if ours is not None:
                memory = f"{statistics.median(r['our_rss_mb'] / r['their_rss_mb'] for r in rounds):.2f}"
            print(f"{name:<20} {median['ours']:>9,.4g} {median['theirs']:>9,.4g} {statistics.median(ratios):>6.2f} "
                  f"{ratios[0]:>5.2f}-{ratios[-1]:.2f}  {goal:>5} {memory:>7}", flush=True)
            everything[name] = {"rounds": rounds, "ratio": statistics.median(ratios), "goal": goal}
    print("\ntokens/s (data: MB/s), medians over rounds; memory: peak RSS, ours over theirs")
    if a.json:
        with open(a.json, "w", encoding="utf-8") as file:
            json.dump(everything, file, indent=1)


if __name__ == "__main__":
    main()
