"""Sentences per second of the scan for secrets and personal data, and what it finds in the starter pool."""

import argparse
import json
import time
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pyarrow.parquet as pq

from lemonpress.personal_data import find


def main() -> None:
    """Scan the distinct sentences of the starter pool, and print one JSON object."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    pool = Path(str(files("lemonpress") / "data/starter/sentences"))
    tables = [pq.read_table(file) for file in sorted(pool.glob("*/sentences.parquet"))]
    texts = sorted({text for table in tables for group in table["sentences"].to_pylist() for text in group})
    find("Call 212-736-5000.")  # the numbering plans load at the first number
    started = time.perf_counter()
    kinds = Counter(kind for text in texts for kind in find(text))
    seconds = time.perf_counter() - started
    print(
        json.dumps(
            {
                "sentences": len(texts),
                "found": dict(kinds),
                "sentences_per_second": round(len(texts) / seconds),
                "seconds_per_million": round(1e6 * seconds / len(texts), 1),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
