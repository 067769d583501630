"""Checks that the Hugging Face hub's own library reads the model cards of folders.

    python3 -m venv ENV && ENV/bin/pip install huggingface_hub
    ENV/bin/python scripts/reference/check_card.py DIR...

DIR is the folder of a tagger, or one that `electra export hf` wrote. Asserts that the metadata are read, of a tagger
into results of evaluations that are the numbers of its scores.json, and that the licence is left open.
"""

import json
import pathlib
import sys

from huggingface_hub import ModelCard


def check(folder):
    folder = pathlib.Path(folder)
    data = ModelCard.load(folder / "README.md").data
    assert data.library_name == "transformers", data
    assert "electra" in data.tags, data
    assert data.license is None, "the licence is the owner's to fill in"
    scores = folder / "scores.json"
    if not scores.exists():
        print(folder, "base model", data.base_model, "tags", data.tags)
        return
    assert data.pipeline_tag == "token-classification" and data.datasets, data
    scores = json.loads(scores.read_text())
    results = {(result.dataset_split, result.metric_type): result.metric_value for result in data.eval_results}
    for split in ("dev", "test"):
        if not scores.get(split):
            continue
        for key in ("f1", "precision", "recall"):
            if (split, key) in results:
                assert abs(results[split, key] - scores[split][key]) < 1e-4, (split, key)
        assert (split, "f1") in results, results
    print(folder, "language", data.language, "base model", data.base_model, "results", results)


for folder in sys.argv[1:]:
    check(folder)
