#!/usr/bin/env python3
"""What a training step costs as one size grows, as a Markdown table: tokens and floating-point
operations in a second, and memory. Leave the machine alone meanwhile.

  scripts/bench-scaling.py [--steps N] [--threads N] [CONFIG]

Rows with more work in a step and fewer GFLOP/s than the first of their group are marked: there the
cost grows faster than the work. Set ELECTRA to use another program than target/release/electra.
"""

import argparse
import json
import os
import subprocess

GROUPS = {
    "batch size": ("train.batch_size", [4, 8, 16, 32, 64]),
    "sequence length": ("data.sequence_length", [32, 64, 128, 256, 512]),
    "depth": ("model.num_hidden_layers", [4, 8, 16]),
    "width": ("model.hidden_size", [64, 128, 256, 512]),
    "vocabulary": ("model.vocab_size", [2048, 8192, 30522, 65536]),
}
# Less than this share of the first row's rate is worth a mark; repeated runs differ by less.
NOTABLE = 0.9


def settings(key, value):
    """What goes with a size: feed-forward and heads with the width, rows with the length."""
    settings = {key: value}
    if key == "model.hidden_size":
        settings["model.intermediate_size"] = 4 * value
        settings["model.num_attention_heads"] = value // 32
    if key == "data.sequence_length":
        # As many tokens in a step whatever their rows' length.
        settings["train.batch_size"] = 4096 // value
        settings["model.max_position_embeddings"] = value
    return settings


def measured(arguments, key, value):
    program = os.environ.get("ELECTRA", "target/release/electra")
    command = [program, "bench", "step", arguments.config, "--json", "--steps", str(arguments.steps)]
    command += ["--threads", str(arguments.threads)] if arguments.threads else []
    for name, setting in settings(key, value).items():
        command += ["--set", f"{name}={setting}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", nargs="?", default="configs/pretrain/tiny.toml")
    parser.add_argument("--steps", type=int, default=5, help="steps to time, of which the median counts")
    parser.add_argument("--threads", type=int, help="CPU threads [default: all]")
    arguments = parser.parse_args()
    print("| size | value | tokens/s | GFLOP/s | peak RSS, MB | |")
    print("|---|---|---|---|---|---|")
    for group, (key, values) in GROUPS.items():
        first = None
        for value in values:
            found = measured(arguments, key, value)
            first = first or found
            mark = "slower" if found["gflops"] < NOTABLE * first["gflops"] else ""
            tokens, gflops = found["tokens_per_second"], found["gflops"]
            print(f"| {group} | {value:,} | {tokens:,.0f} | {gflops:.0f} | {found['peak_rss_mb']:.0f} | {mark} |", flush=True)


if __name__ == "__main__":
    main()
