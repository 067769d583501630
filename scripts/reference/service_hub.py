"""Asks a running service as `huggingface_hub` does. Run by check-service.sh.

    python service_hub.py HOST:PORT
"""

import sys

from huggingface_hub import InferenceClient

client = InferenceClient(model=f"http://{sys.argv[1]}")
text = "Zoë 😀 met Bob in Rome, and Ann in Paris. " * 40
found = client.token_classification(text)
assert found, "no entity would prove little"
for entity in found:
    assert text[entity.start : entity.end] == entity.word, entity
    assert 0 < entity.score <= 1 and entity.entity_group, entity
last = max(entity.end for entity in found)
assert last > len(text) * 0.9, f"the last entity ends at {last} of {len(text)}"
same = client.token_classification(text, aggregation_strategy="simple", ignore_labels=["O"])
assert same == found
print(f"{len(found)} entities in {len(text)} characters, the last of which ends at {last}")
