"""Measures `electra serve` beside the model alone and beside FastAPI with transformers' pipeline.

Called by scripts/measure-service.sh. Writes table.md and table.json into a folder, with what each server said.
"""

import argparse
import glob
import json
import os
import platform
import random
import signal
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = "crates/electra-cli/corpus"
# Recipe of the sizes, and what makes a model of them in seconds: speed does not depend on the weights' values.
SIZES = {"small": "configs/pretrain/small.toml", "demo": "configs/pretrain/debug.toml"}
VOCABULARY = 4096
CLIENTS = 32
TOKENS = 32
SENTENCES = 500
FIXED = '{"entities":[],"sentences":1,"words":30,"unknown_words":0,"cut":0,"left_out":{}}'


def said(command, **more):
    """Standard output of a command that has to succeed."""
    done = subprocess.run(command, capture_output=True, text=True, **more)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit status {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def on_core(core, command):
    return ["taskset", "-c", str(core), *command]


class Measurement:
    def __init__(self, a):
        self.a, self.program, self.out = a, os.path.abspath(a.program), os.path.abspath(a.out)
        self.tokenizer = f"{self.out}/tokenizer"
        self.sentences = f"{self.out}/sentences.txt"

    # Models and sentences

    def make_models(self):
        if not os.path.exists(self.tokenizer):
            texts = sorted(glob.glob(f"{CORPUS}/*.txt.zst"))[:1]
            said([self.program, "data", "tokenizer", "--input", *texts, "--vocab-size", str(VOCABULARY), "--out", self.tokenizer])
            said([self.program, "data", "build", "--input", *texts, "--tokenizer", self.tokenizer, "--seq-len", "128", "--out", f"{self.out}/data"])
        for size in self.a.sizes:
            if os.path.exists(self.tagger(size)):
                continue
            run = f"{self.out}/{size}-run"
            settings = [
                f'data.path="{self.out}/data"', "data.sequence_length=128", f"model.vocab_size={VOCABULARY}",
                "model.max_position_embeddings=512", "train.steps=2", "schedule.warmup_steps=1", "train.batch_size=8",
                "train.micro_batch_size=8", "evaluate.every_steps=1", "evaluate.max_examples=8",
            ]
            said([self.program, "pretrain", SIZES[size], "--run", run, "--display", "quiet", *sets(settings)])
            labelled = [f"{CORPUS}/speeches/{name}.conll" for name in ("dev", "dev", "test")]
            data = [part for pair in zip(("--train", "--dev", "--test"), labelled) for part in pair]
            said([self.program, "finetune", "ner", "--model", run, *data, "--out", f"{self.out}/{size}-tagger", *sets(["train.epochs=1"])])
        self.write_sentences()

    def tagger(self, size):
        return f"{self.out}/{size}-tagger/best"

    def write_sentences(self):
        """Sentences of whole words of the vocabulary: with [CLS] and [SEP] they have 32 tokens."""
        vocabulary = open(f"{self.tokenizer}/vocab.txt", encoding="utf-8").read().split("\n")
        words = [word for word in vocabulary if len(word) > 2 and word.isascii() and word.isalpha()]
        assert len(words) > 500, "a vocabulary of whole words"
        chance = random.Random(1)
        with open(self.sentences, "w") as file:
            for _ in range(SENTENCES):
                file.write(" ".join(chance.choices(words, k=TOKENS - 3)) + " .\n")

    # The model alone

    def alone(self, size, precision):
        """Sentences a second: of the network, and of `predict`, which divides the text and writes the entities too."""
        command = [self.program, "bench", "ner", SIZES[size], "--task", "infer", "--batch-size", str(CLIENTS), "--length", str(TOKENS),
                   "--threads", "1", "--json", "--repetitions", str(self.a.repetitions), *sets([f"train.precision={precision}"])]
        found = json.loads(said(on_core(0, command)))
        return found["tokens_per_second"] / TOKENS

    def predict(self, size, precision, seconds):
        """By the difference between a short file and a long one: opening the folder does not count."""
        def took(copies):
            text = open(self.sentences).read().replace("\n", "\n\n") * copies
            start = time.monotonic()
            said(on_core(0, [self.program, "predict", "--model", self.tagger(size), "--precision", precision, "--threads", "1", "--format", "json", "-"]), input=text)
            return time.monotonic() - start
        first, more = took(1), took(3)
        copies = max(3, int(3 * seconds / max(more, 0.01)))
        return (copies - 1) * SENTENCES / (took(copies) - first)

    # Servers

    def start(self, name, command, ready, environment=None):
        log = open(f"{self.out}/{name}.log", "w")
        process = subprocess.Popen(on_core(0, command), stdout=log, stderr=log, env={**os.environ, **(environment or {})})
        end = time.monotonic() + 120
        while time.monotonic() < end:
            if process.poll() is not None:
                sys.exit(f"{name} ended: {open(log.name).read()[-2000:]}")
            try:
                urllib.request.urlopen(ready, timeout=5).read()
                return process
            except urllib.error.HTTPError:
                return process
            except OSError:
                time.sleep(0.1)
        sys.exit(f"{name} was not ready after two minutes")

    def serve(self, size, precision, port):
        command = [self.program, "serve", "--model", self.tagger(size), "--precision", precision, "--threads", "1", "--listen", f"127.0.0.1:{port}"]
        return self.start(f"electra-{precision}-{size}", command, f"http://127.0.0.1:{port}/readyz")

    def fastapi(self, size, mode, port):
        command = [sys.executable, "-m", "uvicorn", "--app-dir", HERE, "service_fastapi:app", "--port", str(port), "--log-level", "warning", "--no-access-log"]
        environment = {"MODEL": self.tagger(size), "MODE": mode, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
        return self.start(f"fastapi-{mode}-{size}", command, f"http://127.0.0.1:{port}/openapi.json", environment)

    def nginx(self, port):
        """A server that has nothing to do."""
        folder = f"{self.out}/nginx"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/nginx.conf", "w") as file:
            file.write(
                f"daemon off; pid {folder}/pid; error_log stderr; worker_processes 1;\n"
                "events { worker_connections 1024; }\n"
                f"http {{ access_log off; keepalive_requests 1000000000; default_type application/json;\n"
                + "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
                + f"server {{ listen 127.0.0.1:{port}; location / {{ return 200 '{FIXED}'; }} }} }}\n"
            )
        return self.start("nginx", ["nginx", "-p", folder, "-c", f"{folder}/nginx.conf"], f"http://127.0.0.1:{port}/")

    def load(self, port, seconds):
        """What wrk measured, on core 1."""
        command = on_core(1, ["wrk", "--threads", "1", "--connections", str(CLIENTS), "--duration", f"{seconds}s", "--timeout", "60s",
                              "--script", f"{HERE}/service_requests.lua", f"http://127.0.0.1:{port}/v1/tag"])
        environment = {**os.environ, "SENTENCES": self.sentences, "BODY": '{"text": "%s"}'}
        found = json.loads(said(command, env=environment).strip().splitlines()[-1])
        assert found["refused"] == 0 and found["broken"] == 0, f"not every request was answered: {found}"
        return {**found, "per_second": found["requests"] / found["seconds"]}

    def check_answers(self, port):
        """Sentences have the tokens that they are to have, which the service counts itself."""
        measures = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode().splitlines()
        of = {name: float(value) for name, _, value in (line.rpartition(" ") for line in measures if line and not line.startswith("#"))}
        tokens = of["electra_batch_tokens_sum"] / of["electra_batch_windows_sum"]
        assert abs(tokens - TOKENS) < 0.01, f"sentences have {tokens} tokens, not {TOKENS}"
        return of["electra_batch_windows_sum"] / of["electra_batch_windows_count"]

    # All of it

    def rounds(self, size):
        """Each server by itself on core 0, in turns. The servers stay: one that nobody asks costs nothing."""
        servers = {ours(precision): (self.serve(size, precision, 18080 + number), 18080 + number) for number, precision in enumerate(self.a.precisions)}
        if not self.a.without_fastapi:
            for number, mode in enumerate(("plain", "batched")):
                servers[f"FastAPI + pipeline, {mode}"] = (self.fastapi(size, mode, 18085 + number), 18085 + number)
        found = {name: [] for name in servers}
        try:
            for _, port in servers.values():
                self.load(port, self.a.warmup)
            for _ in range(self.a.rounds):
                for name, (_, port) in servers.items():
                    found[name].append(self.load(port, self.a.seconds))
            batch = self.check_answers(18080)
        finally:
            for process, _ in servers.values():
                end(process)
        return found, batch

    def steady(self, size):
        process = self.serve(size, self.a.precisions[0], 18080)
        try:
            command = [sys.executable, f"{HERE}/service_load.py", "steady", "127.0.0.1:18080", str(process.pid), str(self.a.minutes)]
            return said(on_core(1, command)).strip().splitlines()
        finally:
            end(process)


def sets(settings):
    return [part for setting in settings for part in ("--set", setting)]


def end(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def ours(precision):
    """What the service is called in the table."""
    return f"electra serve, {precision}"


def row(name, rounds, alone):
    """Medians over the rounds, the slowest and fastest of them, and the share of the model alone: of ours in the same precision,
    of others in the first."""
    rates = [one["per_second"] for one in rounds]
    middle = {key: statistics.median(one[key] for one in rounds) for key in ("per_second", "p50_ms", "p99_ms")}
    return {"server": name, **middle, "slowest": min(rates), "fastest": max(rates), "share_of_model_alone": middle["per_second"] / alone, "rounds": rounds}


def table(results):
    lines = [
        f"{results['cpu']}, core 0 for the server and its model, core 1 for wrk; {CLIENTS} clients, one sentence of {TOKENS} tokens a request; "
        f"medians of {results['rounds']} rounds of {results['seconds']} s in turns; load of the machine before: {results['load_average_before']:.2f}.",
        "",
        "| sizes | server | requests/s | of the model alone | p50 ms | p99 ms |",
        "|---|---|---|---|---|---|",
    ]
    for size, of in results["sizes"].items():
        for precision, alone in of["model_alone"].items():
            predict = of["predict"][precision]
            lines.append(f"| {size} | the model alone, {precision}: forward passes of {CLIENTS} sentences | {alone:.0f} | 100 % | | |")
            lines.append(f"| {size} | `electra predict`, {precision}, one thread | {predict:.0f} | {100 * predict / alone:.0f} % | | |")
        for one in of["servers"]:
            lines.append(f"| {size} | {one['server']} | {one['per_second']:.0f} ({one['slowest']:.0f} to {one['fastest']:.0f}) | "
                         f"{100 * one['share_of_model_alone']:.0f} % | {one['p50_ms']:.1f} | {one['p99_ms']:.1f} |")
    lines.append(f"| | nothing to do (nginx): what the generator can load | {results['generator']['per_second']:.0f} | | {results['generator']['p50_ms']:.1f} | {results['generator']['p99_ms']:.1f} |")
    lines.append("")
    for size, of in results["sizes"].items():
        lines.append(f"Batches of `electra serve`, {size}: {of['windows_of_a_batch']:.1f} sentences on average.")
        lines.extend(f"{size}: {said}" for said in of.get("steady", []))
    return "\n".join(lines) + "\n"


def goals(results):
    """What was to be reached in the first precision, and was not."""
    for size, of in results["sizes"].items():
        servers = {one["server"]: one for one in of["servers"]}
        first, *_ = [servers.pop(ours(precision)) for precision in of["model_alone"]]
        if first["share_of_model_alone"] < 0.9:
            yield f"{size}: {100 * first['share_of_model_alone']:.0f} % of the model alone, not 90 %"
        for name, theirs in servers.items():
            if name.endswith("plain") and first["per_second"] < 3 * theirs["per_second"]:
                yield f"{size}: {first['per_second'] / theirs['per_second']:.1f} times the throughput of {name}, not 3"
            if first["p99_ms"] >= theirs["p99_ms"]:
                yield f"{size}: p99 {first['p99_ms']:.1f} ms, that of {name} is {theirs['p99_ms']:.1f} ms"
        fastest = max(one["per_second"] for one in of["servers"])
        if results["generator"]["per_second"] < 2 * fastest:
            yield f"{size}: wrk loads {results['generator']['per_second']:.0f} a second, less than twice what was answered: it may be what was measured"
        if of.get("steady") and results["generator_of_steady_load"] < 2 * first["per_second"]:
            yield f"{size}: the generator of the steady load makes {results['generator_of_steady_load']:.0f} requests a second, less than twice what was answered"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="the built program")
    parser.add_argument("--out", required=True, help="a folder, whose models are kept for the next time")
    parser.add_argument("--sizes", nargs="*", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--precisions", nargs="*", default=["f32", "bf16"], help="of the service; goals are for the first, which the minutes are in as well")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=20, help="of a round")
    parser.add_argument("--warmup", type=int, default=5, help="seconds before the first round")
    parser.add_argument("--repetitions", type=int, default=100, help="forward passes of the model alone")
    parser.add_argument("--minutes", type=float, default=0, help="at 80 %% load, for each of the sizes")
    parser.add_argument("--without-fastapi", action="store_true")
    a = parser.parse_args()
    os.makedirs(a.out, exist_ok=True)
    measurement = Measurement(a)
    measurement.make_models()
    before = os.getloadavg()[0]
    if before > 0.3:
        print(f"the machine is not quiet: its load is {before:.2f}", file=sys.stderr)
    nginx = measurement.nginx(18090)
    try:
        measurement.load(18090, a.warmup)
        generator = measurement.load(18090, a.seconds)
        of_steady = float(said(on_core(1, [sys.executable, f"{HERE}/service_load.py", "most", "127.0.0.1:18090"])))
    finally:
        end(nginx)
    results = {"cpu": cpu(), "load_average_before": before, "rounds": a.rounds, "seconds": a.seconds,
               "program": said([a.program, "--version"]).strip(), "versions": versions(a), "generator": generator,
               "generator_of_steady_load": of_steady, "sizes": {}}
    for size in a.sizes:
        alone = {precision: measurement.alone(size, precision) for precision in a.precisions}
        predict = {precision: measurement.predict(size, precision, a.seconds) for precision in a.precisions}
        found, batch = measurement.rounds(size)
        of_server = {ours(precision): alone[precision] for precision in a.precisions}
        servers = [row(name, rounds, of_server.get(name, alone[a.precisions[0]])) for name, rounds in found.items()]
        results["sizes"][size] = {"model_alone": alone, "predict": predict, "windows_of_a_batch": batch, "servers": servers}
        if a.minutes:
            results["sizes"][size]["steady"] = measurement.steady(size)
        with open(f"{a.out}/table.json", "w") as file:
            json.dump(results, file, indent=1)
        with open(f"{a.out}/table.md", "w") as file:
            file.write(table(results))
    print(table(results))
    missed = list(goals(results))
    print("\n".join(missed) or "every goal was reached")


def cpu():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def versions(a):
    found = {"wrk": subprocess.run(["wrk", "-v"], capture_output=True, text=True).stdout.split("\n")[0]}
    if not a.without_fastapi:
        from importlib.metadata import version

        found.update({name: version(name) for name in ("torch", "transformers", "fastapi", "uvicorn")})
    return found


if __name__ == "__main__":
    main()
