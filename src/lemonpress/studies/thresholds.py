"""Thresholds: what one critic's threshold does to the size of a corpus and to its quality, all else fixed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lemonpress.critics.base import Critic, Mask
from lemonpress.critics.cascade import judge
from lemonpress.critics.judging import Pairing, Panel, candidate_pairs
from lemonpress.critics.scores import Tables
from lemonpress.engine.local import Task, Tick, run_stage
from lemonpress.engine.store import Output, Shard, Stage
from lemonpress.errors import UserError
from lemonpress.funnel import Step, merge
from lemonpress.metrics import bleu, diversity, rouge, similarity
from lemonpress.metrics.bootstrap import Estimate
from lemonpress.metrics.similarity import SentenceEncoder
from lemonpress.nli.judged import JudgedPair
from lemonpress.nli.measures import intervals, share
from lemonpress.nli.rows import ENTAILMENT
from lemonpress.pairs import Index
from lemonpress.pairs import Shard as Sentences
from lemonpress.pressing import press
from lemonpress.recipes import CriticSettings, Recipe, critic_name
from lemonpress.recipes.load import check_section
from lemonpress.runs import Run, panel_key
from lemonpress.studies.report import as_json, pooled

FIELDS = ("min", "max", "below")
"""Settings that are thresholds."""

_KEPT = pa.schema(
    [
        ("value", pa.int32()),
        ("context_id", pa.string()),
        ("source", pa.string()),
        ("target", pa.string()),
    ]
)


@dataclass(frozen=True)
class Sweep:
    """One corpus of a recipe, once for every value of one threshold.

    Attributes:
        run: The recipe as it is.
        corpus: The corpus.
        critic: The critic whose threshold moves.
        setting: Which of its settings: min, max or below.
        values: What the setting is set to, from the lowest up.
        swept: A run whose corpora are the corpus with each value, in the order of `values`.
    """

    run: Run
    corpus: str
    critic: str
    setting: str
    values: tuple[float, ...]
    swept: Run = field(repr=False)

    @classmethod
    def open(cls, recipe: Recipe, corpus: str, critic: str, values: Sequence[float]) -> "Sweep":
        """Check everything that can be checked before any work.

        Args:
            recipe: Holds the corpus.
            corpus: Its name.
            critic: Name of one of its critics; with ``.min`` or ``.max`` where it has both.
            values: Thresholds to try.

        Raises:
            UserError: No such corpus or critic, a value that the critic refuses, a model or file that is missing.
        """
        if corpus not in recipe.corpora:
            raise UserError(f"--corpus {corpus}: recipe {recipe.name} has {', '.join(recipe.corpora)}; name one")
        settings = recipe.corpora[corpus]
        name, threshold = _threshold(critic, settings.critics)
        ordered = tuple(sorted(set(values)))
        if len(ordered) < 2:
            raise UserError(f"--values {' '.join(f'{value:g}' for value in values)}: give at least two different ones")
        corpora = {
            f"{corpus}-{number}": settings.model_copy(
                update={"critics": [_moved(one, name, threshold, value) for one in settings.critics]}
            )
            for number, value in enumerate(ordered)
        }
        run = Run.open(recipe)
        swept = replace(Run.open(recipe.model_copy(update={"corpora": corpora})), given=run.given)
        return cls(run, corpus, name, threshold, ordered, swept)

    @property
    def own(self) -> float | None:
        """What the recipe sets the threshold to; None where it leaves it to the critic."""
        (settings,) = [one for one in self.run.recipe.corpora[self.corpus].critics if critic_name(one) == self.critic]
        value = getattr(settings, self.setting)
        return None if value is None else float(value)

    @property
    def panels(self) -> list[Panel]:
        """What judges at each value."""
        return [self.swept.panels[name] for name in self.swept.recipe.corpora]


@dataclass(frozen=True)
class Verdicts:
    """What critics say of the judged pairs, against their labels.

    Attributes:
        accepted: Pairs that pass.
        precision: Share of them that say the same; None where nothing passes.
        recall: Share of those that say the same which pass.
        ends: Intervals of both, which resample contexts.
    """

    accepted: int
    precision: float | None
    recall: float | None
    ends: Mapping[str, tuple[float, float] | None]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "accepted": self.accepted,
            **{
                name: None if value is None else [round(one, 6) for one in (value, *(self.ends[name] or ()))]
                for name, value in (("precision", self.precision), ("recall", self.recall))
            },
        }


@dataclass(frozen=True)
class Level:
    """What a threshold gives.

    Attributes:
        value: The threshold.
        funnel: What each critic saw and kept, then diversity.
        kept: Pairs that are left.
        quality: Mean of each measure of these pairs, by its name; NaN where there is none.
        alone: The critic by itself on the judged pairs.
        together: All critics of the corpus on the judged pairs.
    """

    value: float
    funnel: list[Step]
    kept: int
    quality: Mapping[str, Estimate]
    alone: Verdicts
    together: Verdicts

    @property
    def candidates(self) -> int:
        """Pairs that the first critic saw."""
        return self.funnel[0].seen

    @property
    def accepted(self) -> int:
        """Pairs that every critic accepts, before diversity."""
        return [step for step in self.funnel if step.name != "diversity"][-1].kept

    def to_json(self) -> dict[str, Any]:
        """Plain values: estimates as value, lower and upper end."""
        return {
            "value": self.value,
            "candidates": self.candidates,
            "accepted": self.accepted,
            "kept": self.kept,
            "quality": {name: as_json(estimate) for name, estimate in self.quality.items()},
            "judged_alone": self.alone.to_json(),
            "judged_together": self.together.to_json(),
            "funnel": [{"name": step.name, "seen": step.seen, "kept": step.kept} for step in self.funnel],
        }


def study(sweep: Sweep, judged: Sequence[JudgedPair], encoder: SentenceEncoder) -> list[Level]:
    """Judge the pools of the recipe at every value, and measure what is kept.

    What a model has said of a pair, for the recipe itself or for another value, is not asked again. Pairs are counted
    as the critics and diversity leave them, before duplicates of the whole corpus are removed.

    Args:
        sweep: The corpus and the values.
        judged: Pairs with their labels.
        encoder: Measures likeness of meaning.

    Returns:
        One level a value, in their order.
    """
    shards = [shard for pool in press(sweep.run) for shard in _sweep(sweep, pool.sentences, pool.scores, pool.pairing)]
    kept = pa.concat_tables([shard.table("kept") for shard in shards])
    funnels = [
        merge(_steps(shard.stats["funnels"][number]) for shard in shards) for number in range(len(sweep.values))
    ]
    verdicts = _ask(sweep, judged)
    levels = []
    for number, (value, funnel, (alone, together)) in enumerate(zip(sweep.values, funnels, verdicts, strict=True)):
        rows = kept.filter(pc.equal(kept["value"], number))
        levels.append(Level(value, funnel, rows.num_rows, dict(_quality(rows, encoder)), alone, together))
    return levels


def _threshold(critic: str, critics: Sequence[CriticSettings]) -> tuple[str, str]:
    """Name of a critic and its setting that moves."""
    name, _, wanted = critic.partition(".")
    known = {critic_name(one): [each for each in FIELDS if each in type(one).model_fields] for one in critics}
    movable = ", ".join(one for one, fields in known.items() if fields)
    if not known.get(name):
        what = "has no threshold" if name in known else "is no critic of the corpus"
        raise UserError(f"--critic {name}: {what}; those with one are {movable}")
    if (wanted or known[name][0]) not in known[name] or (not wanted and len(known[name]) > 1):
        raise UserError(f"--critic {critic}: name its threshold: {', '.join(f'{name}.{one}' for one in known[name])}")
    return name, wanted or known[name][0]


def _moved(settings: CriticSettings, name: str, threshold: str, value: float) -> CriticSettings:
    if critic_name(settings) != name:
        return settings
    return check_section({**settings.model_dump(), threshold: value}, f"--values {value:g}", type(settings))


def _sweep(sweep: Sweep, sentences: Sequence[Shard], scores: Sequence[Shard], pairing: Pairing) -> list[Shard]:
    """Shards of kept pairs at every value, with the funnels in their statistics."""
    run = sweep.swept
    keys = [panel_key(run.panels[name], corpus) for name, corpus in run.recipe.corpora.items()]
    stage = Stage("sweep", 1, {"pairing": pairing, "seed": run.recipe.seed, "panels": keys})

    def work(index: int, inputs: tuple[Shard, ...], tick: Tick) -> Output:
        rows = inputs[0].table("sentences")
        tables = Tables(Sentences.of_table(rows), inputs[1].table("scores"))
        parts, funnels = [], []
        for number, panel in enumerate(sweep.panels):
            shard, sources, targets = candidate_pairs(rows, panel, pairing)
            found = judge(sources, targets, panel.critics, panel.diversity, tables, run.recipe.seed)
            funnels.append([step.to_json() for step in found.funnel])
            parts.append(_rows(number, shard, *found.kept))
        return Output({"kept": pa.concat_tables(parts)}, {"funnels": funnels})

    tasks = [Task((one, other), int(one.stats["rows"])) for one, other in zip(sentences, scores, strict=True)]
    return run_stage(run.store, stage, tasks, work, f"sweep {sweep.critic}", "context")


def _rows(number: int, shard: Sentences, sources: Index, targets: Index) -> pa.Table:
    texts, groups = shard.sentences, shard.group_of(sources)
    return pa.table(
        {
            "value": pa.array([number] * len(sources), pa.int32()),
            "context_id": [shard.context_ids[group] for group in groups],
            "source": [texts[place] for place in sources],
            "target": [texts[place] for place in targets],
        },
        schema=_KEPT,
    )


def _quality(kept: pa.Table, encoder: SentenceEncoder) -> Iterator[tuple[str, Estimate]]:
    """Mean of each measure, in points of 100, over kept pairs; contexts are resampled."""
    sources, targets = kept["source"].to_pylist(), kept["target"].to_pylist()
    contexts, place = np.unique(kept["context_id"].to_pylist(), return_inverse=True)
    for name, values in (
        ("Self-BLEU", bleu.self_bleu(targets, sources)),
        ("ROUGE-L", 100 * rouge.rouge_l(sources, targets)),
        ("Jaccard", 100 * diversity.jaccard(targets, sources)),
        ("Cosine", 100 * similarity.cosine(targets, sources, encoder)),
    ):
        sums = np.bincount(place, weights=values, minlength=len(contexts))
        yield name, pooled(sums, np.bincount(place, minlength=len(contexts)))


def _ask(sweep: Sweep, judged: Sequence[JudgedPair]) -> list[tuple[Verdicts, Verdicts]]:
    """What the critic alone, and all together, say of the judged pairs at every value."""
    ones = [*(pair.first for pair in judged), *(pair.second for pair in judged)]
    others = [*(pair.second for pair in judged), *(pair.first for pair in judged)]
    contexts = [pair.context_id for pair in judged] * 2
    there = np.array([*(pair.forward for pair in judged), *(pair.backward for pair in judged)]) == ENTAILMENT
    back = np.array([*(pair.backward for pair in judged), *(pair.forward for pair in judged)]) == ENTAILMENT
    truth = there & back if sweep.run.recipe.corpora[sweep.corpus].task == "paraphrase" else there
    place = {text: number for number, text in enumerate(dict.fromkeys(ones))}
    tables = Tables(Sentences.of_groups([("judged", "", list(place), "")]))
    sources = np.array([place[text] for text in ones], dtype=np.int64)
    targets = np.array([place[text] for text in others], dtype=np.int64)
    found = []
    for panel in sweep.panels:
        moved = [critic for critic in panel.critics if critic.name.removeprefix("reverse_") == sweep.critic]
        found.append(
            (
                _verdicts(truth, _accepted(moved, tables, sources, targets), contexts),
                _verdicts(truth, _accepted(panel.critics, tables, sources, targets), contexts),
            )
        )
    return found


def _accepted(critics: Sequence[Critic], tables: Tables, sources: Index, targets: Index) -> Mask:
    """Pairs that all critics accept; those that read contexts have no word on a judged pair."""
    kept = np.ones(len(sources), dtype=bool)
    for critic in critics:
        if "context" not in critic.columns:
            kept &= critic.keeps(np.round(critic.score(tables, sources, targets), 4))
    return kept


def _verdicts(truth: Mask, accepted: Mask, contexts: Sequence[str]) -> Verdicts:
    ends = intervals(truth, accepted, contexts)
    return Verdicts(int(accepted.sum()), share(truth[accepted]), share(accepted[truth]), ends)


def _steps(values: Sequence[Mapping[str, Any]]) -> list[Step]:
    return [Step(**value) for value in values]
