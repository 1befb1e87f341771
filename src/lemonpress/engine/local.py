"""Stages run over shards in this process."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tqdm import tqdm

from lemonpress.engine.store import Output, Shard, Stage, Store

Tick = Callable[[int], object]


@dataclass(frozen=True)
class Task:
    """One shard to make.

    Attributes:
        inputs: Shards it is made from.
        size: Items in it, for the progress bar.
        part: What else tells this shard's input from the others', for stages that start from no shard.
    """

    inputs: tuple[Shard, ...]
    size: int
    part: str = ""

    def key(self, stage: Stage, index: int) -> str:
        """The content key of this shard."""
        return stage.key([*(shard.digest for shard in self.inputs), *([self.part] if self.part else [])], index)


Work = Callable[[int, tuple[Shard, ...], Tick], Output]


def run_stage(store: Store, stage: Stage, tasks: Sequence[Task], work: Work, label: str, unit: str) -> list[Shard]:
    """Make every shard of a stage that is not finished yet.

    Args:
        store: Finished and new shards.
        stage: What decides the shards' keys.
        tasks: One for each shard, in order.
        work: Makes a shard from its index and inputs; told how to report items done.
        label: Name of the progress bar.
        unit: What is counted.

    Returns:
        One finished shard a task.
    """
    done: list[Shard] = []
    found = [store.find(stage, task.key(stage, i)) for i, task in enumerate(tasks)]
    total = sum(task.size for task, shard in zip(tasks, found, strict=True) if shard is None)
    with tqdm(total=total, desc=label, unit=unit, disable=None if total else True, smoothing=0.1) as bar:
        for index, (task, shard) in enumerate(zip(tasks, found, strict=True)):
            if shard is None:
                started, before = time.perf_counter(), bar.n
                output = work(index, task.inputs, bar.update)
                stats = {**output.stats, "seconds": round(time.perf_counter() - started, 3)}
                shard = store.write(stage, task.key(stage, index), Output(output.tables, stats))
                bar.update(task.size - (bar.n - before))
            done.append(shard)
    return done
