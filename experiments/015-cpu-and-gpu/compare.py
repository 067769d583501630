"""What two runs of one recipe differ by, from their logs: compare.py CPU_RUN GPU_RUN > results/NAME.json"""

import json
import sys

INTERVALS = [(1, 50), (51, 100), (101, 150), (151, 200), (201, 250), (251, 500), (501, 750), (751, 1000)]


def records(run, kind):
    lines = map(json.loads, open(f"{run}/metrics.jsonl"))
    return {line["step"]: line for line in lines if line["kind"] == kind}


def main():
    cpu, gpu = [records(run, "train") for run in sys.argv[1:3]]
    steps = sorted(set(cpu) & set(gpu))
    intervals = []
    for first, last in INTERVALS:
        off = [abs(gpu[step]["loss"] - cpu[step]["loss"]) for step in steps if first <= step <= last]
        if off:
            intervals.append({"steps": f"{first} to {last}", "largest": max(off), "largest_millionths": 1e6 * max(off), "mean": sum(off) / len(off),
                              "within": sum(each <= 1e-3 for each in off), "of": len(off)})
    evaluations = []
    of_cpu, of_gpu = [records(run, "eval") for run in sys.argv[1:3]]
    for step in sorted(set(of_cpu) & set(of_gpu)):
        kept = {key: [of_cpu[step].get(key), of_gpu[step].get(key)] for key in ("loss", "mlm_loss", "rtd_auc")}
        evaluations.append({"step": step, **{key: value for key, value in kept.items() if value[0] is not None}})
    memory = {step: gpu[step].get("device_memory_mb") for step in (1, 100, 250, 500, 1000) if step in gpu}
    json.dump({"steps": len(steps), "first_off": next((s for s in steps if gpu[s]["loss"] != cpu[s]["loss"]), None),
               "intervals": intervals, "evaluations": evaluations, "device_memory_mb": memory}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
