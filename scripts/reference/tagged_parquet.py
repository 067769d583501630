"""Writes crates/electra-annotations/tests/fixtures/tagged.parquet: tokens and numbered tags, as the `datasets`
library writes them, with the names of the tags in the metadata.

    python3 -m venv ENV && ENV/bin/pip install pyarrow==26.0.1
    ENV/bin/python scripts/reference/tagged_parquet.py
"""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

FIXTURES = Path(__file__).parents[2] / "crates/electra-annotations/tests/fixtures"

names = ["O", "B-PER", "I-PER", "B-LOC"]
features = {
    "id": {"dtype": "string", "_type": "Value"},
    "tokens": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"},
    "ner_tags": {"feature": {"names": names, "_type": "ClassLabel"}, "_type": "List"},
}
rows = [
    ("0", ["Ada", "Lovelace", "in", "Köln"], [1, 2, 0, 3]),
    ("1", [], []),
    ("2", ["nobody"], [0]),
]
schema = pa.schema(
    [("id", pa.string()), ("tokens", pa.list_(pa.string())), ("ner_tags", pa.list_(pa.int64()))],
    metadata={"huggingface": json.dumps({"info": {"features": features}})},
)
columns = [pa.array(column, field.type) for column, field in zip(zip(*rows), schema)]
table = pa.Table.from_arrays(columns, schema=schema)
pq.write_table(table, FIXTURES / "tagged.parquet", compression="snappy", row_group_size=2)
