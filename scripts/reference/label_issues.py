"""Writes the golden values of suspected labels: what cleanlab finds on given probabilities.

    python3 -m venv ENV && ENV/bin/pip install cleanlab==2.9.0
    ENV/bin/python scripts/reference/label_issues.py > crates/electra-annotations/tests/fixtures/label_issues.json

Probabilities are drawn, labels are drawn from them, and a tenth of the labels is changed. cleanlab ranks the
off-diagonal words of the confident joint (`filter_by="confident_learning"`) by their normalised margin.
"""

import json
import warnings

import numpy
from cleanlab.filter import find_label_issues

CASES = 10
WORDS = 40


def case(seed):
    random = numpy.random.default_rng(seed)
    count = int(random.integers(2, 6))
    sharpness = random.uniform(0.15, 1.0)
    probabilities = random.dirichlet(numpy.full(count, sharpness), size=WORDS).round(4)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    labels = [int(random.choice(count, p=row)) for row in probabilities]
    # Every label occurs, as the library wants it.
    labels[:count] = range(count)
    for word in random.choice(WORDS, size=WORDS // 10, replace=False):
        labels[word] = int(random.integers(count))
    labels[:count] = range(count)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        issues = find_label_issues(
            numpy.array(labels),
            probabilities,
            filter_by="confident_learning",
            return_indices_ranked_by="normalized_margin",
            min_examples_per_class=0,
            n_jobs=1,
        )
    return {
        "count": count,
        "labels": labels,
        "probabilities": [float(p) for p in probabilities.ravel()],
        "issues": [int(word) for word in issues],
    }


print("[")
print(",\n".join(json.dumps(case(seed)) for seed in range(CASES)))
print("]")
