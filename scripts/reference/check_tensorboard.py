"""Reads a run's event files with TensorBoard's own reader and prints what it finds.

    python3 -m venv ENV && ENV/bin/pip install tensorboard
    ENV/bin/python scripts/reference/check_tensorboard.py RUN
"""

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def main(run):
    events = EventAccumulator(f"{run}/tensorboard", size_guidance={"scalars": 0, "histograms": 0, "tensors": 0})
    events.Reload()
    tags = events.Tags()
    assert tags["scalars"] and tags["histograms"] and tags["tensors"], tags
    logged = {}
    with open(f"{run}/metrics.jsonl") as lines:
        for line in map(json.loads, lines):
            if line["kind"] in ("train", "eval"):
                logged[line["kind"], line["step"]] = line
    for kind in ("train", "eval"):
        points = events.Scalars(f"{kind}/loss")
        for point in points:
            expected = logged[kind, point.step]["loss"]
            assert abs(point.value - expected) <= 1e-6 * abs(expected), (kind, point, expected)
        print(f"{kind}/loss: {len(points)} points equal to metrics.jsonl, last {points[-1].value:.4f} at step {points[-1].step}")
    print(f"{len(tags['scalars'])} scalars, {len(tags['histograms'])} histograms, texts and hyperparameters: {tags['tensors']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
