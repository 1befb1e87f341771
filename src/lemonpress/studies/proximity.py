"""Paraphrastic proximity: how often a teacher's next sentences say the same (paper, section 2 and Figure 3)."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa

from lemonpress.assets import find_file
from lemonpress.contexts import read_contexts
from lemonpress.critics.entailment import Entailment, entailment
from lemonpress.critics.judging import Panel, judge_shard
from lemonpress.engine.local import Task, Tick, run_stage
from lemonpress.engine.store import Output, Shard, Stage, Store
from lemonpress.errors import UserError
from lemonpress.metrics.bleu import self_bleu
from lemonpress.metrics.bootstrap import Estimate, Floats
from lemonpress.nli.measures import THRESHOLD
from lemonpress.recipes import DatasetContexts, EntailmentSettings, FileContexts, SentenceSettings, TeacherSettings
from lemonpress.recipes.critics import PrecisionName
from lemonpress.rows import CONTEXTS, SCORES, content_id
from lemonpress.sentences import sample_sentences
from lemonpress.sources import Model, resolve
from lemonpress.splitting import first_sentence
from lemonpress.studies.proximity_plan import Plan
from lemonpress.studies.report import as_json, pooled
from lemonpress.teachers.causal_lm import CausalTeacher
from lemonpress.weights import check_causal, ordinary_folder

_SHARD = 4  # contexts; what a killed run does again at most
_EXAMPLES = 30


@dataclass(frozen=True)
class Subject:
    """What is studied.

    Attributes:
        teacher: Writes the sentences.
        nli: Asks whether one of two sentences entails the other: the longer one first, the shorter one where it does.
        texts: The sentences of each text; enough for the longest context, the first one of no other text.
    """

    teacher: Model
    nli: tuple[Entailment, ...]
    texts: tuple[tuple[str, ...], ...]

    @classmethod
    def open(
        cls,
        plan: Plan,
        teacher: str,
        nli: str,
        contexts: str,
        column: str = "text",
        split: str = "train",
        precision: PrecisionName = "float32",
    ) -> "Subject":
        """Find and check everything that is named, before any work.

        Args:
            plan: Says how many texts of how many sentences are needed.
            teacher: Causal language model: Hub id, ./folder or package:NAME.
            nli: NLI model: Hub id, ./folder or data/nli-critic.
            contexts: File of texts, .txt or .jsonl, or a dataset's folder or Hub id.
            column: Of the texts.
            split: Of a dataset.
            precision: Of the NLI model's arithmetic.

        Raises:
            UserError: A model or file is missing or of the wrong kind, or too few texts are long enough.
        """
        model = resolve(teacher, where="--teacher")
        check_causal(model, "--teacher")
        settings = EntailmentSettings(critic="entailment", model=nli, min=THRESHOLD, precision=precision)
        critics = entailment(settings, resolve(nli, where="--nli"))
        return cls(model, tuple(critics), _read(plan, contexts, column, split))


@dataclass(frozen=True)
class Point:
    """What contexts of one length gave at one temperature.

    Attributes:
        length: Sentences of a context.
        temperature: Of the sampling.
        totals: Figures of each context, shape (contexts, 8), in the order of `_COLUMNS`.
    """

    length: int
    temperature: float
    totals: Floats

    def of(self, column: str) -> Floats:
        """One figure of every context."""
        return self.totals[:, _COLUMNS.index(column)]

    @property
    def equivalent(self) -> Estimate:
        """Share of pairs of samples that say the same, copies counted."""
        return pooled(self.of("equivalent"), self.of("pairs"))

    @property
    def self_bleu(self) -> Estimate:
        """Mean Self-BLEU of those."""
        return pooled(self.of("bleu"), self.of("equivalent"))

    @property
    def distinct_equivalent(self) -> Estimate:
        """Share of pairs of distinct sentences that say the same."""
        return pooled(self.of("distinct equivalent"), self.of("distinct pairs"))

    @property
    def distinct_self_bleu(self) -> Estimate:
        """Mean Self-BLEU of those."""
        return pooled(self.of("distinct bleu"), self.of("distinct equivalent"))

    @property
    def distinct(self) -> Estimate:
        """Distinct sentences of a context."""
        return pooled(self.of("distinct"), np.ones(len(self.totals)))

    def to_json(self) -> dict[str, Any]:
        """Plain values: estimates as value, lower and upper end, and the totals that they are of."""
        names = ("equivalent", "self_bleu", "distinct_equivalent", "distinct_self_bleu", "distinct")
        return {
            "length": self.length,
            "temperature": self.temperature,
            "contexts": len(self.totals),
            **{name: as_json(getattr(self, name)) for name in names},
            "totals": {name: int(self.of(name).sum()) for name in _COLUMNS if not name.endswith("bleu")},
        }


_COLUMNS = (
    "samples",
    "distinct",
    "pairs",
    "equivalent",
    "bleu",
    "distinct pairs",
    "distinct equivalent",
    "distinct bleu",
)


@dataclass(frozen=True)
class Proximity:
    """The points of the two panels of the paper's Figure 3.

    Attributes:
        plan: What was sampled.
        points: By length and temperature.
        examples: Pairs of distinct sentences at the plan's length and temperature, a seeded sample of those that say
            the same and of the others.
    """

    plan: Plan
    points: dict[tuple[int, float], Point]
    examples: list[dict[str, Any]]

    @property
    def by_length(self) -> list[Point]:
        """At the fixed temperature, from the shortest context up."""
        return [self.points[length, self.plan.temperature] for length in sorted(self.plan.lengths)]

    @property
    def by_temperature(self) -> list[Point]:
        """With contexts of the fixed length, from the coldest up."""
        return [self.points[self.plan.length, temperature] for temperature in sorted(self.plan.temperatures)]


def study(plan: Plan, subject: Subject, store: Store) -> Proximity:
    """Sample next sentences at every length and temperature and compare those of each context with each other.

    Args:
        plan: What to sample.
        subject: Models and texts.
        store: Finished shards are kept there, so that a run that was stopped goes on.

    Returns:
        The points, and pairs to read.
    """
    loaded: list[CausalTeacher] = []
    defaults = TeacherSettings(model=subject.teacher.id)

    def teacher() -> CausalTeacher:
        if not loaded:
            loaded.append(CausalTeacher.load(ordinary_folder(subject.teacher), defaults.dtype, defaults.device))
        return loaded[0]

    points, examples = {}, []
    for length, temperature in plan.settings:
        cut = _cut(subject.texts, length)
        label = f"{length} sentence{'s' if length > 1 else ''}, temperature {temperature:g}"
        settings = SentenceSettings(k=plan.k, temperature=temperature)
        key = {
            **settings.model_dump(mode="json", exclude_none=True),
            "seed": plan.seed,
            "teacher": {**subject.teacher.key, "dtype": defaults.dtype},
        }
        parts = [cut.slice(start, _SHARD) for start in range(0, cut.num_rows, _SHARD)]

        def write(
            index: int,
            inputs: tuple[Shard, ...],
            tick: Tick,
            parts: Sequence[pa.Table] = parts,
            settings: SentenceSettings = settings,
        ) -> Output:
            return Output({"sentences": sample_sentences(parts[index], teacher(), settings, plan.seed, tick)})

        def compare(index: int, inputs: tuple[Shard, ...], tick: Tick) -> Output:
            return Output({"equivalent": equivalent_pairs(inputs[0].table("sentences"), subject.nli, plan.seed)})

        tasks = [Task((), part.num_rows, content_id(*part["context"].to_pylist())) for part in parts]
        sentences = run_stage(store, Stage("sentences", 1, key), tasks, write, f"sample ({label})", "context")
        stage = Stage("equivalent", 1, {"nli": subject.nli[0].scorer.key, "min": THRESHOLD})
        compared = [Task((shard,), part.num_rows) for shard, part in zip(sentences, parts, strict=True)]
        equivalent = run_stage(store, stage, compared, compare, f"compare ({label})", "context")
        tables = [
            (one.table("sentences"), other.table("equivalent"))
            for one, other in zip(sentences, equivalent, strict=True)
        ]
        points[length, temperature] = Point(length, temperature, np.concatenate([tally(*pair) for pair in tables]))
        if (length, temperature) == (plan.length, plan.temperature):
            examples = _examples(tables, plan.seed)
    return Proximity(plan, points, examples)


def _read(plan: Plan, contexts: str, column: str, split: str) -> tuple[tuple[str, ...], ...]:
    """The sentences of a seeded choice of the texts that have enough of them, none that begins as another does.

    Cut to their first sentence those would be one context, which must not count twice.
    """
    where: FileContexts | DatasetContexts = (
        FileContexts(source="file", path=contexts, column=column)
        if contexts.endswith((".txt", ".jsonl", ".jsonl.gz"))
        else DatasetContexts(source="dataset", path=contexts, column=column, split=split)
    )
    given = read_contexts(where, "proximity", find_file)["context"].to_pylist()
    chosen: dict[str, tuple[str, ...]] = {}
    for text in sorted(given, key=lambda text: content_id(str(plan.seed), text)):
        sentences = tuple(_sentences(text, plan.longest))
        if len(sentences) == plan.longest:
            chosen.setdefault(sentences[0], sentences)
        if len(chosen) == plan.count:
            return tuple(chosen.values())
    raise UserError(
        f"--contexts {contexts}: {len(chosen)} of {len(given)} texts have {plan.longest} sentences, and --count asks "
        f"for {plan.count} that begin differently; lower --count, or --lengths and --length"
    )


def _sentences(text: str, most: int) -> Iterator[str]:
    """The first sentences of a text, as the splitter sees them."""
    rest = " ".join(text.split()) + "\n"
    for _ in range(most):
        sentence = first_sentence(rest)
        if sentence is None:
            return
        yield sentence
        rest = rest[rest.index(sentence) + len(sentence) :].lstrip(" ")


def _cut(texts: Sequence[Sequence[str]], length: int) -> pa.Table:
    cut = [" ".join(sentences[:length]) for sentences in texts]
    return pa.Table.from_pylist(
        [{"context_id": content_id(text), "context": text, "domain": ""} for text in cut], schema=CONTEXTS
    )


def equivalent_pairs(sentences: pa.Table, nli: Sequence[Entailment], seed: int) -> pa.Table:
    """Pairs of distinct sentences of one context that entail each other.

    Args:
        sentences: Rows of `rows.SENTENCES`.
        nli: The longer sentence is asked first, and the other way only where it entails the shorter one.
        seed: Of the plan.

    Returns:
        context_id, source and target of each pair, the sentence that was sampled first as its source.
    """
    panel = Panel(nli, pairs="unordered")
    kept, _, _ = judge_shard(sentences, SCORES.empty_table(), panel, "paraphrase", "pool", seed)
    return kept.select(["context_id", "source", "target"])


def tally(sentences: pa.Table, equivalent: pa.Table) -> Floats:
    """What a `Point` holds of each context.

    Args:
        sentences: Rows of `rows.SENTENCES`.
        equivalent: Pairs of distinct sentences that say the same: context_id, source, target.

    Returns:
        Shape (contexts, 8). A sentence that was sampled n times stands in as many pairs.
    """
    bleu = _self_bleu(equivalent["source"].to_pylist(), equivalent["target"].to_pylist())
    found: dict[str, list[tuple[str, str, float]]] = {}
    for row, score in zip(equivalent.to_pylist(), bleu, strict=True):
        found.setdefault(row["context_id"], []).append((row["source"], row["target"], score))
    totals = np.zeros((sentences.num_rows, len(_COLUMNS)))
    for number, row in enumerate(sentences.to_pylist()):
        samples = dict(zip(row["sentences"], row["counts"], strict=True))
        pairs = found.get(row["context_id"], [])
        weights = [samples[one] * samples[other] for one, other, _ in pairs]
        copies = sum(math.comb(times, 2) for times in samples.values())
        totals[number] = (
            sum(samples.values()),
            len(samples),
            math.comb(sum(samples.values()), 2),
            copies + sum(weights),
            100 * copies + sum(weight * score for weight, (_, _, score) in zip(weights, pairs, strict=True)),
            math.comb(len(samples), 2),
            len(pairs),
            sum(score for _, _, score in pairs),
        )
    return totals


def _self_bleu(ones: Sequence[str], others: Sequence[str]) -> Floats:
    """Self-BLEU of pairs that have no direction: the mean of both."""
    return (self_bleu(ones, others) + self_bleu(others, ones)) / 2


def _examples(tables: Sequence[tuple[pa.Table, pa.Table]], seed: int) -> list[dict[str, Any]]:
    def rows(alike: bool) -> Iterator[dict[str, Any]]:
        for sentences, equivalent in tables:
            same = {(row["source"], row["target"]) for row in equivalent.to_pylist()}
            for row in sentences.to_pylist():
                for pair in combinations(row["sentences"], 2):
                    if (pair in same) is alike:
                        yield {"equivalent": alike, "context": row["context"], "first": pair[0], "second": pair[1]}

    def place(row: dict[str, Any]) -> str:
        return content_id(str(seed), row["first"], row["second"])

    chosen = [row for alike in (True, False) for row in nsmallest(_EXAMPLES, rows(alike), place)]
    bleu = _self_bleu([row["first"] for row in chosen], [row["second"] for row in chosen])
    return [{**row, "self_bleu": round(score, 1)} for row, score in zip(chosen, bleu.tolist(), strict=True)]
