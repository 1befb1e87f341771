"""A bounded sample of what the critics rejected."""

import heapq
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lemonpress.rows import REJECTED, content_id


class RejectedSample:
    """The rejected pairs with the smallest seeded hashes, at most so many a critic."""

    def __init__(self, task: str, most: int, seed: int) -> None:
        self._task = task
        self._most = most
        self._seed = seed
        self._heaps: dict[str, list[tuple[int, str]]] = {}
        self._rows: dict[str, dict[str, Any]] = {}

    def add(self, table: pa.Table) -> None:
        """Take rows of `rows.JUDGED` in."""
        for critic in dict.fromkeys(table["critic"].to_pylist()):
            heap = self._heaps.setdefault(critic, [])
            of_critic = table.filter(pc.equal(table["critic"], critic))
            for row in _some(of_critic, self._most, self._seed):
                key = content_id(self._task, row["source"], row["target"])
                rank = int(content_id(str(self._seed), key), 16)
                entry = (-rank, key)
                if key in self._rows or self._most == 0:
                    continue
                if len(heap) < self._most:
                    heapq.heappush(heap, entry)
                elif entry > heap[0]:
                    del self._rows[heapq.heapreplace(heap, entry)[1]]
                else:
                    continue
                self._rows[key] = {"id": key, **row}

    def table(self) -> pa.Table:
        """The sample, as rows of `rows.REJECTED`."""
        ordered = sorted(self._rows.values(), key=lambda row: (str(row["critic"]), str(row["id"])))
        return pa.Table.from_pylist(ordered, schema=REJECTED)


def _some(table: pa.Table, most: int, seed: int) -> list[dict[str, Any]]:
    """At most so many rows of one shard, drawn by seed and shard size."""
    if table.num_rows <= most:
        return table.to_pylist()
    chosen = np.random.default_rng([seed, table.num_rows]).choice(table.num_rows, most, replace=False)
    return table.take(pa.array(np.sort(chosen))).to_pylist()
