"""Ablation (paper, Table 6): what critics, self-distillation and the teacher's own data are each worth."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from lemonpress.building import Built, build_corpus
from lemonpress.critics.judging import candidate_pairs
from lemonpress.distilling import distil, train_student
from lemonpress.engine.local import Task, Tick, run_stage
from lemonpress.engine.store import Output, Shard, Stage
from lemonpress.errors import UserError
from lemonpress.evaluation.results import Result
from lemonpress.markdown import literal
from lemonpress.pipeline import require_rows
from lemonpress.pools import Pool
from lemonpress.pressing import press
from lemonpress.recipes import CorpusSettings, DeduplicationSettings, LengthSettings, PairRows, Recipe
from lemonpress.recipes.evaluation import BenchmarkChoice
from lemonpress.rows import PAIRED
from lemonpress.runs import Run
from lemonpress.scoring import score
from lemonpress.students.train import Base, Training
from lemonpress.studies.variants import Trial, Variant, compare, study_text, with_training_rows

FULL = "full"
_NOT_DISTILLED = "without self-distillation"
_UNFILTERED = "without critics"
_OTHER = "other corpus"
_OTHER_FILTERED = "other corpus + critics"
_OTHER_DISTILLED = "other corpus + self-distillation"
_POOL = "other"
_SPARE = 4  # candidates drawn for each row that is wanted, so that chance and duplicates leave enough


@dataclass(frozen=True)
class Ablation:
    """A recipe of one corpus, and what it is without some of its parts.

    Attributes:
        trial: The recipe whole, and the benchmark.
        corpus: Name of its corpus.
        unfiltered: The recipe without critics.
        other: Another corpus of pairs in place of the teacher's, without critics.
        other_filtered: The same with the recipe's critics.
    """

    trial: Trial
    corpus: str
    unfiltered: Run
    other: Run
    other_filtered: Run

    @classmethod
    def open(cls, recipe: Recipe, other: PairRows, choice: BenchmarkChoice) -> "Ablation":
        """Find and check what all variants need, before any work.

        Args:
            recipe: With a student, self-distillation and one corpus; see `narrowed`.
            other: The other corpus.
            choice: The benchmark.

        Raises:
            UserError: A part of the recipe is missing, a file or model is missing or wrong.
        """
        if recipe.student is None or recipe.self_distillation is None:
            raise UserError(f"recipe {recipe.name}: an ablation needs the sections student and self_distillation")
        (corpus,) = recipe.corpora
        trial = Trial.open("ablation", recipe, choice)
        free = without_critics(recipe)
        elsewhere: dict[str, Mapping[str, PairRows]] = {"contexts": {_POOL: other}}
        runs = [
            Run.open(one) for one in (free, free.model_copy(update=elsewhere), recipe.model_copy(update=elsewhere))
        ]
        folders = [trial.folder / name for name in ("without-critics", "other", "other-filtered")]
        return cls(trial, corpus, *(replace(run, folder=folder) for run, folder in zip(runs, folders, strict=True)))


def narrowed(recipe: Recipe, corpus: str | None) -> Recipe:
    """The recipe with one corpus alone.

    Args:
        recipe: Any.
        corpus: The corpus; the only one by default.

    Raises:
        UserError: No such corpus, or none is named and there are several.
    """
    name = corpus or (next(iter(recipe.corpora)) if len(recipe.corpora) == 1 else None)
    if name not in recipe.corpora:
        given = f"--corpus {corpus}: " if corpus else "--corpus: "
        raise UserError(f"{given}recipe {recipe.name} has {', '.join(recipe.corpora)}; name one")
    return recipe.model_copy(update={"corpora": {name: recipe.corpora[name]}})


def without_critics(recipe: Recipe) -> Recipe:
    """The recipe of one corpus that keeps every pair but exact duplicates, and of a student one text a source."""
    ((name, corpus),) = recipe.corpora.items()
    anything = LengthSettings(critic="length", min=0, max=1e6)  # as many times as long: no pair is refused
    free: CorpusSettings = corpus.model_copy(
        update={"critics": [anything], "diversity": None, "deduplicate": DeduplicationSettings()}
    )
    rounds = recipe.self_distillation
    if rounds is not None:
        rounds = rounds.model_copy(update={"candidates": 1, "beams": None, "diversity": None})
    return recipe.model_copy(update={"corpora": {name: free}, "self_distillation": rounds})


def study(ablation: Ablation, base: Base, announce: Callable[[str], None]) -> tuple[list[Variant], Result]:
    """Train a student of every variant on as many rows as the critics kept of the teacher's, and compare them.

    Args:
        ablation: The variants.
        base: Of the students.
        announce: Told of each stage as it begins.

    Returns:
        The students, the whole recipe's first, and their comparison.

    Raises:
        UserError: The critics keep nothing of one of the corpora.
    """
    trial, name = ablation.trial, ablation.corpus
    full = replace(trial.run, folder=trial.folder / "full")
    announce("Build the corpora")
    pools = trial.press()
    own = {name: build_corpus(full, name, pools)}
    require_rows(own)
    rows = own[name].corpus.rows["train"]
    drawn = _drawn(ablation.unfiltered, name, pools, rows)
    corpora = {
        label: {name: _built(run, name, drawn if run is ablation.unfiltered else press(run), rows, label)}
        for label, run in (
            (_UNFILTERED, ablation.unfiltered),
            (_OTHER, ablation.other),
            (_OTHER_FILTERED, ablation.other_filtered),
        )
    }

    def distilled(run: Run, built: Mapping[str, Built], first: Training) -> list[Training]:
        return [first, *(one.training for one in distil(run, base, pools, built, first, announce).rounds)]

    announce(f"Train: {FULL}")
    first = train_student(full, base, own)
    variants = [Variant(FULL, distilled(full, own, first)), Variant(_NOT_DISTILLED, [first])]
    announce(f"Train: {_UNFILTERED}")
    free, built = ablation.unfiltered, corpora[_UNFILTERED]
    variants.append(Variant(_UNFILTERED, distilled(free, built, train_student(free, base, built))))
    announce(f"Train: {_OTHER}")
    first = train_student(ablation.other, base, corpora[_OTHER])
    variants.append(Variant(_OTHER, [first]))
    announce(f"Train: {_OTHER_FILTERED}")
    filtered = train_student(ablation.other_filtered, base, corpora[_OTHER_FILTERED])
    variants.append(Variant(_OTHER_FILTERED, [filtered]))
    announce(f"Train: {_OTHER_DISTILLED}")
    critical = replace(trial.run, folder=trial.folder / "other")  # the recipe's own critics and sentences
    variants.append(Variant(_OTHER_DISTILLED, distilled(critical, corpora[_OTHER], first)))
    announce("Compare")
    return variants, compare(trial, variants)


def report(ablation: Ablation, variants: Sequence[Variant], result: Result, command: str) -> str:
    """The study in Markdown: what was asked, the command, how the students were trained, how they did."""
    recipe, pool = ablation.trial.run.recipe, ablation.other.recipe.contexts[_POOL]
    assert recipe.student is not None
    assert isinstance(pool, PairRows)
    question = (
        "What are the critics, self-distillation and the teacher's own pairs each worth (paper, Table 6)? Students on "
        f"{literal(recipe.student.model)}, with the same seed and settings, were trained on as many rows as the "
        f"critics of {literal(ablation.corpus)} keep of the teacher's pairs, where there are so many. *{_UNFILTERED}* "
        "are pairs drawn at random from the same pool, and one text for each fresh sentence in self-distillation; the "
        f"*{_OTHER}* is {literal(pool.path)}: pairs drawn at random, of all or of those that the same critics keep. "
        "Self-distillation adds its own steps, on fresh sentences of the teacher's pool; what the other corpus's "
        "student writes of them is judged by the same critics."
    )
    title = f"Ablation, recipe {literal(recipe.name)}"
    return study_text(title, question, command, variants, result, "ablation.png")


def _built(run: Run, name: str, pools: Sequence[Pool], rows: int, label: str) -> Built:
    """What the run keeps of some pools, a seeded sample where that is more than so many training rows."""
    built = build_corpus(run, name, pools)
    kept = built.corpus.rows["train"]
    if kept == 0:
        raise UserError(f"{label}: no training pair is left; give a larger corpus or milder critics")
    if kept <= rows:
        return built
    chosen = np.random.default_rng(run.recipe.seed).choice(kept, rows, replace=False)
    table = built.corpus.read("train").take(pa.array(np.sort(chosen)))
    return with_training_rows(built, table, run.folder / "sampled" / name)


def _drawn(run: Run, name: str, pools: Sequence[Pool], rows: int) -> list[Pool]:
    """Candidate pairs of pools drawn at random, as pools of given pairs: a few for each row that is wanted."""
    panel = run.panels[name]

    def candidates(shard: Shard, pool: Pool) -> int:
        return len(candidate_pairs(shard.table("sentences"), panel, pool.pairing)[1])

    total = sum(candidates(shard, pool) for pool in pools for shard in pool.sentences)
    trained_on = 1 - 2 * run.recipe.corpora[name].holdout
    share = min(1.0, _SPARE * rows / max(1, total * trained_on))
    drawn = []
    for pool in pools:
        settings = {"pairing": pool.pairing, "pairs": panel.pairs, "share": share, "seed": run.recipe.seed}

        def work(index: int, inputs: tuple[Shard, ...], tick: Tick, pool: Pool = pool) -> Output:
            sentences = inputs[0].table("sentences")
            shard, sources, targets = candidate_pairs(sentences, panel, pool.pairing)
            chosen = np.random.default_rng([run.recipe.seed, index]).random(len(sources)) < share
            groups = shard.group_of(sources[chosen])
            columns = {column: sentences[column] for column in sentences.column_names}
            for column, places in (("sources", sources[chosen]), ("targets", targets[chosen])):
                within = places - shard.starts[groups]
                columns[column] = pa.array(
                    [within[groups == group].tolist() for group in range(sentences.num_rows)], pa.list_(pa.int32())
                )
            return Output({"sentences": pa.table(columns, schema=PAIRED)}, {"rows": sentences.num_rows})

        tasks = [Task((shard,), int(shard.stats["rows"])) for shard in pool.sentences]
        shards = run_stage(run.store, Stage("drawn", 1, settings), tasks, work, f"draw ({pool.name})", "context")
        drawn.append(Pool(pool.name, [], shards, score(run, shards, "given", pool.name), "given"))
    return drawn
