"""Training rows and settings of tiny students."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lemonpress.recipes import LoraSettings, StudentSettings
from lemonpress.rows import TRAINING

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SETTINGS = StudentSettings(name="tiny", model="./unused", lora=LoraSettings(r=4, alpha=8), length_share=0)
NAMES = ("cat", "dog", "clerk", "mayor")
ROWS = [
    {
        "task": "summary" if day % 4 == 3 else "paraphrase",
        "source": f"The {NAMES[day % 4]} met the farmer at noon on {day + 1} May.",
        "target": f"The farmer met the {NAMES[day % 4]}" + (" in May." if day % 2 else f" on {day + 1} May, at noon."),
    }
    for day in range(16)
]


def write_rows(path: Path, rows: list[dict[str, str]]) -> Path:
    """Write training rows as Parquet."""
    pq.write_table(pa.Table.from_pylist(rows, schema=TRAINING), path)
    return path
