"""Measures a graphics card: tests first, then speed, memory and a curve, each under a time limit of its own.

Called by scripts/measure-card.sh, which has the program built. Writes a file for each stage, results.json and
summary.txt into a folder; what was measured before a stage failed or ran out of time is kept.
"""

import argparse
import glob
import json
import os
import subprocess
import sys
import time

CORPUS = "crates/electra-cli/corpus"
BENCH = os.path.join(os.path.dirname(__file__), "bench_pytorch.py")


def stages(a):
    """Name, seconds at most, and command of each stage, in the order of their worth."""
    on_card = ["--device", a.device]
    yield "doctor", 60, [a.program, "doctor", "--json"]
    for number, test in enumerate(a.tests, 1):
        yield f"test-{number}-{os.path.basename(test).split('-')[0]}", 240, [test]

    def step(name, sizes, *more, seconds=40):
        steps = ["--steps", str(a.steps), "--warmup", "4", "--json"]
        return name, seconds, [a.program, "bench", "step", f"configs/pretrain/{sizes}.toml", *on_card, *steps, *more]

    rows = str(a.rows)
    for precision in a.precisions:
        for dropout in ("0.1", "0"):
            settings = ["--set", f"train.precision={precision}", "--set", f"train.dropout={dropout}"]
            yield step(f"step-{a.sizes}-{precision}-dropout-{dropout}", a.sizes, "--batch-size", rows, *settings)
    best = a.precisions[-1]
    settings = ["--set", f"train.precision={best}"]
    micro = ["--set", f"train.batch_size={rows}", "--set", f"train.micro_batch_size={max(1, a.rows // 8)}"]
    yield step(f"step-{a.sizes}-{best}-micro-batches", a.sizes, *settings, *micro)
    for task in ("train", "infer", "latency"):
        command = [a.program, "bench", "ner", f"configs/pretrain/{a.sizes}.toml", "--task", task, *on_card, "--json"]
        yield f"tagger-{task}", 40, [*command, *settings]
    if a.large:
        yield step(f"step-{a.large}-{best}-512", a.large, "--batch-size", "16", *settings, "--set",
                   "data.sequence_length=512", seconds=60)
    if a.python:
        theirs = [a.python, BENCH]
        device = ["--device", a.pytorch_device, "--repetitions", str(a.steps)]
        for dtype in ("fp32", "tf32", "bf16"):
            for compiled in ([], ["--compile"]):
                name = f"pytorch-step-{dtype}" + ("-compiled" if compiled else "")
                yield name, 180, [*theirs, "step", "--sizes", a.sizes, "--batch", rows, "--dtype", dtype, *device, *compiled]
        for task in ("train", "infer", "latency"):
            yield f"pytorch-tagger-{task}", 40, [*theirs, task, "--sizes", a.sizes, "--dtype", "bf16", *device]
    if a.curve:
        data = os.path.join(a.out, "data")
        texts = sorted(glob.glob(f"{CORPUS}/*.txt.zst"))
        yield "tokenizer", 60, [a.program, "data", "tokenizer", "--input", *texts, "--vocab-size", "8192", "--out",
                                os.path.join(a.out, "tokenizer")]
        yield "data", 60, [a.program, "data", "build", "--input", *texts, "--tokenizer",
                           os.path.join(a.out, "tokenizer"), "--out", data, "--seq-len", "128"]
        for name, device in (("card", a.device), ("cpu", "flex")):
            settings = [f"train.steps={a.curve}", f"data.path={data}", "log.every_steps=50"]
            yield f"curve-{name}", 240, [a.program, "pretrain", "configs/pretrain/tiny.toml", "--device", device, "--run",
                                         os.path.join(a.out, f"curve-{name}"), "--display", "lines",
                                         *[part for setting in settings for part in ("--set", setting)]]


def run(name, limit, command, out):
    """The result of one stage; its output stands in files of its own."""
    begun = time.monotonic()
    with open(os.path.join(out, f"{name}.out"), "w") as stdout, open(os.path.join(out, f"{name}.err"), "w") as stderr:
        try:
            status = subprocess.run(command, stdout=stdout, stderr=stderr, timeout=limit).returncode
            outcome = "ok" if status == 0 else f"exit status {status}"
        except subprocess.TimeoutExpired:
            outcome = f"stopped after {limit} s"
        except OSError as error:
            outcome = str(error)
    result = {"stage": name, "outcome": outcome, "seconds": round(time.monotonic() - begun, 1), "command": command}
    lines = open(os.path.join(out, f"{name}.out")).read().strip()
    for text in (lines, lines.splitlines()[-1] if lines else ""):
        try:
            result["result"] = json.loads(text)
            break
        except ValueError:
            pass
    return result


def line(result):
    """One line of the summary."""
    measured = result.get("result")
    told = ""
    if isinstance(measured, dict) and "tokens_per_second" in measured:
        told = f"{measured['tokens_per_second']:>12,.0f} tokens/s"
        if measured.get("peak_fraction") is not None:
            told += f", {100 * measured['peak_fraction']:.0f} % of the measured peak"
        if measured.get("device_memory_mb") is not None:
            told += f", {measured['device_memory_mb']:,.0f} MB of device memory"
        if measured.get("products_without_tensor_cores"):
            told += f", {measured['products_without_tensor_cores']:,} products without tensor cores"
    elif result["stage"] == "doctor" and isinstance(measured, dict):
        cards = [device["card"] for device in measured["devices"] if device.get("card")]
        told = "; ".join(f"{card['name']}, {card['gflops']}, copies {card['copy_gb_per_second']:.0f} GB/s" for card in cards)
    return f"{result['stage']:<44} {result['outcome']:<18} {result['seconds']:>7.1f} s  {told}"


def losses(folder):
    """Loss and held-out AUC by step, of a run's log."""
    path = os.path.join(folder, "metrics.jsonl")
    if not os.path.exists(path):
        return {}
    found = {}
    for line in open(path):
        try:
            record = json.loads(line)
        except ValueError:
            # The last line of a run that was stopped.
            continue
        if record["kind"] == "train":
            found[record["step"]] = record["loss"]
        if record["kind"] == "eval":
            found[f"auc at {record['step']}"] = record.get("rtd_auc")
    return found


def side_by_side(curves):
    """Lines with the losses of both runs."""
    card, cpu = curves["card"], curves["cpu"]
    shared = [step for step in card if card[step] is not None and cpu.get(step) is not None]
    return [f"{step:>12}  card {card[step]:.4f}  cpu {cpu[step]:.4f}" for step in shared]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="the built program")
    parser.add_argument("--tests", nargs="*", default=[], help="built tests: fused, gpu, launches")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=12, help="after which no stage begins")
    parser.add_argument("--sizes", default="small")
    parser.add_argument("--large", default="base", help="sizes for rows of 512; empty for none")
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--precisions", nargs="*", default=["f32", "tf32", "bf16"])
    parser.add_argument("--curve", type=int, default=2000, help="steps of tiny on card and CPU; 0 for none")
    parser.add_argument("--python", help="a Python with PyTorch for the card; without it there is no comparison")
    parser.add_argument("--pytorch-device", default="cuda")
    a = parser.parse_args()
    os.makedirs(a.out, exist_ok=True)
    if os.listdir(a.out):
        sys.exit(f"{a.out} is not empty: give another folder with --out, so that no result is an older one's")
    end = time.monotonic() + 60 * a.minutes
    results = []
    for name, limit, command in stages(a):
        left = end - time.monotonic()
        if left <= 0:
            results.append({"stage": name, "outcome": "no time left", "seconds": 0.0, "command": command})
        else:
            results.append(run(name, min(limit, left), command, a.out))
        print(line(results[-1]), flush=True)
        curves = {name: losses(os.path.join(a.out, f"curve-{name}")) for name in ("card", "cpu")}
        with open(os.path.join(a.out, "results.json"), "w") as file:
            json.dump({"stages": results, "curves": curves}, file, indent=1)
        with open(os.path.join(a.out, "summary.txt"), "w") as file:
            file.write("\n".join([*map(line, results), *side_by_side(curves)]) + "\n")
    failed = [result["stage"] for result in results if result["outcome"] != "ok"]
    if failed:
        sys.exit(f"not done: {', '.join(failed)}; see {a.out}")


if __name__ == "__main__":
    main()
