"""Adds to the summary of an arm what its seeds took and how well calibrated their scores are.

    collect.py SUMMARY OUT
"""

import json
import os
import statistics
import sys

summary_path, out = sys.argv[1:]
summary = json.load(open(summary_path))
seconds, words, calibration = [], [], {"dev": [], "test": []}
for run in summary["runs"]:
    records = [json.loads(line) for line in open(os.path.join(run["run"], "metrics.jsonl"))]
    # A run that was interrupted has an end for each part.
    seconds.append(sum(record["seconds"] for record in records if record["kind"] == "end"))
    words.append(statistics.median(record["words_per_second"] for record in records if record["kind"] == "epoch"))
    details = json.load(open(os.path.join(run["run"], "scores.json")))["details"]
    for split, found in calibration.items():
        found.append(details[split]["calibration"])

summary["seconds"] = statistics.mean(seconds)
summary["training_words_per_second"] = statistics.mean(words)
summary["calibration"] = {
    split: {
        "temperature": statistics.mean(one["temperature"] for one in found),
        "before": statistics.mean(one["before"]["calibration_error"] for one in found),
        "after": statistics.mean(one["after"]["calibration_error"] for one in found),
        "mean_score": statistics.mean(one["after"]["mean_score"] for one in found),
    }
    for split, found in calibration.items()
}
for run in summary["runs"]:
    del run["run"]
with open(out, "w") as file:
    json.dump(summary, file, indent=1)
    file.write("\n")
