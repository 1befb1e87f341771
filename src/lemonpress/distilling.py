"""The student's half of the walk: train it on the corpora, then let it distil itself, round after round."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from lemonpress.building import Built, assemble_corpus, device_seconds
from lemonpress.corpora import Corpus, split_of
from lemonpress.critics import build_diversity
from lemonpress.engine.store import Shard
from lemonpress.errors import UserError
from lemonpress.funnel import Step
from lemonpress.pools import Pool, readings
from lemonpress.recipes import DiversitySettings, StudentSettings, StudentTask, Task, digest
from lemonpress.runs import Run
from lemonpress.scoring import judge, score
from lemonpress.sources import file_digest
from lemonpress.students.self_distill import accepted as accepted_sources
from lemonpress.students.self_distill import fresh_sentences, press_candidates, training_rows
from lemonpress.students.train import Base, Training, fine_tune


def train_student(run: Run, base: Base, built: Mapping[str, Built]) -> Training:
    """Fine-tune the student on the training splits of all corpora (paper, section 3.3, first stage)."""
    student = run.recipe.student
    assert student is not None
    rows = run.folder / "training" / "round-0.parquet"
    training_rows(_parts(built.values(), "train"), rows)
    return _fine_tune(run, rows, base, student.sft, 0, None, _validation_rows(run, built, student.sft))


@dataclass(frozen=True)
class Round:
    """One round of self-distillation.

    Attributes:
        number: From 1.
        fresh: The sources of the round, by corpus.
        distilled: D_para: the student's own pairs that the critics kept, by corpus.
        productive: Share of the fresh sources that gave a kept pair.
        training: The student trained on them.
        accepted: Share of held-out sentences whose greedy rewriting every critic accepts, the trained student's;
            None where the recipe holds none out.
    """

    number: int
    fresh: dict[str, list[dict[str, str]]]
    distilled: dict[str, Built]
    productive: float
    training: Training
    accepted: float | None = None


@dataclass(frozen=True)
class Distillation:
    """Self-distillation as it went.

    Attributes:
        rounds: The rounds whose students count, in order.
        stopped: Why it ended before the last round that was asked for, or None.
        accepted: Share of held-out sentences that the critics accept of the first student, or None.
    """

    rounds: list[Round]
    stopped: str | None = None
    accepted: float | None = None


def distil(
    run: Run,
    base: Base,
    pools: Sequence[Pool],
    built: Mapping[str, Built],
    student: Training,
    announce: Callable[[str], None],
) -> Distillation:
    """Let a student distil itself, round after round, until the recipe's rounds are done or its stop is reached.

    A round without a fresh sentence, or whose pairs the critics all reject, ends it too.

    Args:
        run: The run.
        base: The student's base.
        pools: Where fresh sentences come from.
        built: The first corpora: their sentences are not fresh, their test contexts are left alone.
        student: The student that writes first.
        announce: Told of each round as it begins.

    Raises:
        UserError: `stop` goes by held-out sentences and there are none.
    """
    settings = run.recipe.self_distillation
    if settings is None:
        return Distillation([])
    rounds: list[Round] = []
    first = accepted = acceptance(run, pools, built, student)
    if settings.stop == "validation" and first is None:
        raise UserError("self_distillation.stop: no sentence is of a validation context; raise holdout or press more")
    for number in range(1, settings.rounds + 1):
        announce(f"Self-distillation, round {number}")
        fresh, distilled, productive = _own_pairs(run, pools, built, student, rounds)
        if not any(fresh.values()):
            why = f"round {number}: no teacher sentence is left that no pair holds; press more contexts"
            return Distillation(rounds, why, first)
        if settings.stop == "yield" and rounds and productive <= rounds[-1].productive:
            before = rounds[-1].productive
            why = f"round {number}: {productive:.1%} of the sources gave a kept pair, after {before:.1%}"
            return Distillation(rounds, why, first)
        if not productive and not settings.union:
            why = f"round {number}: the critics kept none of the student's pairs; train it longer"
            return Distillation(rounds, why, first)
        training = _train_further(run, base, built, distilled, student, number)
        now = acceptance(run, pools, built, training)
        if settings.stop == "validation" and now is not None and accepted is not None and now <= accepted:
            why = f"round {number}: the critics accept {now:.1%} of held-out rewritings, after {accepted:.1%}"
            return Distillation(rounds, why, first)
        rounds.append(Round(number, fresh, distilled, productive, training, now))
        student, accepted = training, now
    return Distillation(rounds, None, first)


def acceptance(run: Run, pools: Sequence[Pool], built: Mapping[str, Built], student: Training) -> float | None:
    """Share of held-out teacher sentences whose greedy rewriting every critic of its corpus accepts.

    The sentences come from validation contexts; no training pair, the student's own or the teacher's, is of one.

    Returns:
        The share, 0 to 1; None where the recipe holds no sentences out, or there are none.
    """
    settings = run.recipe.self_distillation
    if settings is None or settings.held_out is None:
        return None
    total = kept = 0
    for name, one in built.items():
        sources = _fresh(run, pools, name, built, set(), "validation", settings.held_out, run.recipe.seed)
        shards, _, _ = _written(run, name, one.corpus.task, sources, student, f"{name}, held out", greedy=True)
        total, kept = total + len(sources), kept + accepted_sources(shards)
    return kept / total if total else None


def _own_pairs(
    run: Run, pools: Sequence[Pool], built: Mapping[str, Built], student: Training, earlier: Sequence[Round]
) -> tuple[dict[str, list[dict[str, str]]], dict[str, Built], float]:
    """Fresh sentences, the pairs that the student makes of them and the critics keep, and the share that gave one."""
    recipe, settings, number = run.recipe, run.recipe.self_distillation, len(earlier) + 1
    assert settings is not None
    distilled: dict[str, Built] = {}
    fresh: dict[str, list[dict[str, str]]] = {}
    productive = 0
    known = {row["source"] for round_ in earlier for rows in round_.fresh.values() for row in rows}
    for name, one in built.items():
        fresh[name] = _fresh(run, pools, name, built, known, "train", settings.sentences, recipe.seed + number)
        shards, funnel, seconds = _written(run, name, one.corpus.task, fresh[name], student, f"{name}, round {number}")
        productive += accepted_sources(shards)
        corpus = assemble_corpus(run, name, shards, run.folder / "corpora" / f"{name}-round-{number}", holdout=0.0)
        distilled[name] = Built(corpus, funnel, seconds)
    total = sum(map(len, fresh.values()))
    return fresh, distilled, productive / total if total else 0.0


def _fresh(
    run: Run,
    pools: Sequence[Pool],
    name: str,
    built: Mapping[str, Built],
    known: set[str],
    split: str,
    count: int,
    seed: int,
) -> list[dict[str, str]]:
    """Teacher sentences of one split's contexts that no pair of any corpus holds, nor `known`.

    Corpora may hold out other shares of the contexts: those of train are so in all of them, and those of another split
    in none of the others of train.
    """
    sentences = [shard for pool in pools if pool.serves(name) for shard in pool.sentences]
    corpora = [one.corpus for one in built.values()]
    used = {text for corpus in corpora for part in corpus.rows for row in _texts(corpus, part) for text in row} | known
    contexts = {key for shard in sentences for key in shard.table("sentences")["context_id"].to_pylist()}
    own = run.recipe.corpora[name].holdout
    others = {run.recipe.corpora[other].holdout for other in built}

    def fits(key: str) -> bool:
        splits = {split_of(key, holdout) for holdout in others}
        return splits == {"train"} if split == "train" else split_of(key, own) == split and "train" not in splits

    return fresh_sentences(sentences, used, filter(fits, contexts), count, seed)


def _written(
    run: Run,
    name: str,
    task: Task,
    sources: Sequence[dict[str, str]],
    student: Training,
    label: str,
    greedy: bool = False,
) -> tuple[list[Shard], list[Step], dict[str, float]]:
    """Verdict shards of what a student writes for some sources, the funnel from its texts on, and seconds by stage."""
    settings = run.recipe.self_distillation
    assert settings is not None
    shards = press_candidates(run.store, student.folder, task, sources, settings, run.recipe.seed, greedy)
    run = with_diversity(run, name, settings.diversity)
    pool = Pool(label, [], shards, score(run, shards, "from_first", label, [name]), "from_first")
    verdicts = judge(run, name, shards, pool.scores, "from_first")
    steps, _ = readings([pool])
    stages = {"student's texts": shards, "scores": pool.scores, "verdicts": verdicts.shards}
    return verdicts.shards, [*steps, *verdicts.funnel], device_seconds(stages)


def with_diversity(run: Run, name: str, diversity: DiversitySettings | None) -> Run:
    """The run with another diversity of one corpus; as it is where none is given."""
    if diversity is None:
        return run
    panel, recipe = run.panels[name], run.recipe
    corpus = recipe.corpora[name].model_copy(update={"diversity": diversity})
    return replace(
        run,
        recipe=recipe.model_copy(update={"corpora": {**recipe.corpora, name: corpus}}),
        panels={**run.panels, name: replace(panel, diversity=build_diversity(diversity, panel.critics))},
    )


def _train_further(
    run: Run, base: Base, built: Mapping[str, Built], distilled: Mapping[str, Built], student: Training, number: int
) -> Training:
    settings, own = run.recipe.self_distillation, run.recipe.student
    assert settings is not None
    assert own is not None
    rows = run.folder / "training" / f"round-{number}.parquet"
    parts = _parts(distilled.values(), "train")
    if settings.union:
        parts += _parts(built.values(), "train")
    training_rows(parts, rows)
    sft = {**own.sft, **own.distilled_sft}
    return _fine_tune(run, rows, base, sft, number, student, _validation_rows(run, built, sft))


def _parts(corpora: Iterable[Built], split: str) -> list[tuple[StudentTask, pa.Table]]:
    """The rows of a split by task, and with syntactic control those of it."""
    parts: list[tuple[StudentTask, pa.Table]] = []
    for one in corpora:
        parts.append((one.corpus.task, one.corpus.read(split)))
        if one.corpus.control and one.corpus.rows[split]:
            parts.append(("control", one.corpus.read(split, "control")))
    return parts


def _validation_rows(run: Run, built: Mapping[str, Built], sft: Mapping[str, Any]) -> Path | None:
    """The validation splits as training rows, where the recipe asks for an evaluation while it trains."""
    student = run.recipe.student
    assert student is not None
    if not wants_validation(student, sft):
        return None
    rows = run.folder / "training" / "validation.parquet"
    if training_rows(_parts(built.values(), "validation"), rows) == 0:
        raise UserError("student: no validation rows to evaluate on; press more contexts or turn early_stopping off")
    return rows


def wants_validation(student: StudentSettings, sft: Mapping[str, Any]) -> bool:
    """Whether a recipe asks for an evaluation while its student trains."""
    return student.early_stopping is not None or student.written_rows > 0 or "eval_strategy" in sft


def _fine_tune(
    run: Run,
    rows: Path,
    base: Base,
    sft: Mapping[str, Any],
    number: int,
    start: Training | None,
    validation: Path | None,
) -> Training:
    """Train in a folder of its own content, so that another recipe's checkpoints are never in the way."""
    from lemonpress.students.settings import sft_config

    settings = run.recipe.student
    assert settings is not None
    key = digest(
        {
            "rows": file_digest(rows),
            "validation": file_digest(validation) if validation else None,
            "base": base.commit,
            "student": settings.model_dump(mode="json"),
            "sft": dict(sft),
            "seed": run.recipe.seed,
            "start": file_digest(start.folder / "model.safetensors") if start else None,
        }
    )
    out = run.folder / "students" / f"round-{number}-{key[:12]}"
    config = sft_config(sft, run.recipe.seed)
    earlier = start.folder if start else None
    return fine_tune(rows, base, settings, config, out, resume=True, start=earlier, validation=validation)


def _texts(corpus: Corpus, split: str) -> list[tuple[str, str]]:
    table = corpus.read(split)
    return list(zip(table["source"].to_pylist(), table["target"].to_pylist(), strict=True))
