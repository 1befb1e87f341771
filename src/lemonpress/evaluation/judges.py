"""The models behind metrics: found and checked at once, loaded when first needed, their say kept by content key."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lemonpress.critics.classification import labels_of
from lemonpress.critics.classification import load as load_classifier
from lemonpress.critics.entailment import entailment_label
from lemonpress.engine.local import Task as ShardTask
from lemonpress.engine.local import Tick, run_stage
from lemonpress.engine.store import Output, Shard, Stage, Store
from lemonpress.errors import UserError
from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.metrics import bertscore, bleu, entailment, fluency, parascore, similarity, syntax
from lemonpress.metrics.encoders import check_token_encoder
from lemonpress.recipes import EntailmentSettings, digest
from lemonpress.recipes.judges import JudgeSettings
from lemonpress.sources import Model, resolve
from lemonpress.syntax.parsers import Parser, find_parser
from lemonpress.weights import check_causal, load_causal, ordinary_folder

Floats = npt.NDArray[np.float64]

_BATCH_TEXTS = 16  # of perplexity


@dataclass(frozen=True)
class Judged:
    """What a model says of each row.

    Attributes:
        values: One for each row; NaN where it says nothing.
        signature: What exactly was computed.
    """

    values: Floats
    signature: str


@dataclass(frozen=True)
class Labelled:
    """A classifier and one of its labels."""

    model: Model
    label: int
    name: str


@dataclass(frozen=True)
class Judges:
    """Resolved judges; None where one is left out.

    Attributes:
        encoder: Of token vectors, with its layer (None for the usual one).
        sentence_encoder: Of sentence embeddings.
        nli: Of entailment.
        fluency: Causal language model of perplexity.
        acceptability: Text classifier.
        parser: Of trees.
    """

    encoder: tuple[Model, int | None] | None = None
    sentence_encoder: Model | None = None
    nli: Labelled | None = None
    fluency: Model | None = None
    acceptability: Labelled | None = None
    parser: Parser | None = None

    @classmethod
    def open(cls, settings: JudgeSettings, exemplars: bool) -> "Judges":
        """Find the judges that the settings name.

        Args:
            settings: Which models.
            exemplars: Whether any benchmark has exemplars; without, no parser is asked.

        Raises:
            UserError: A model cannot be found, or is none of what is asked of it.
        """

        def find(name: str) -> Model | None:
            reference = getattr(settings, name)
            return reference and resolve(reference, getattr(settings, f"{name}_revision"), where=f"judges.{name}")

        encoder, sentences, nli, classifier, causal = map(
            find, ("encoder", "sentence_encoder", "nli", "acceptability", "fluency")
        )
        if encoder is not None:
            check_token_encoder(encoder, settings.layer, "judges.encoder")
        if sentences is not None:
            similarity.check_encoder(sentences, "judges.sentence_encoder")
        if causal is not None:
            check_causal(causal, "judges.fluency")
        return cls(
            None if encoder is None else (encoder, settings.layer),
            sentences,
            None if nli is None else entailing(nli, "judges.nli"),
            causal,
            None if classifier is None else labelled(classifier, settings.acceptability_label, "judges.acceptability"),
            find_parser(settings.parser, None, where="judges.parser") if settings.parser and exemplars else None,
        )

    @property
    def likeness(self) -> tuple[Callable[[Sequence[str], Sequence[str]], Floats], str]:
        """How alike candidates and sources are, at most 1, and the signature: cosine, or BLEU without an encoder."""
        if self.sentence_encoder is None:
            return lambda candidates, sources: bleu.self_bleu(candidates, sources) / 100, bleu.signature()
        encoder = self._sentence_encoder
        return lambda texts, sources: similarity.cosine(texts, sources, encoder), similarity.cosine_signature(encoder)

    def judge(self, store: Store, predictions: Shard, benchmark: Benchmark, name: str) -> dict[str, Judged]:
        """What the judges say of predictions; answers of before are found again.

        Args:
            store: Answers are kept there.
            predictions: Shard of `lemonpress.evaluation.predictions`.
            benchmark: What was rewritten.
            name: Of the system, for the progress bar.
        """
        found: dict[str, Judged] = {}
        for part, ask in self._parts(benchmark):

            def work(
                index: int,
                inputs: tuple[Shard, ...],
                tick: Tick,
                ask: Callable[[Sequence[str]], dict[str, Judged]] = ask,
            ) -> Output:
                said = ask(inputs[0].table("predictions")["candidate"].to_pylist())
                table = pa.table({metric: one.values for metric, one in said.items()})
                return Output({"judged": table}, {"signatures": {name: one.signature for name, one in said.items()}})

            settings = {"judge": part, "references": digest(benchmark.references), "benchmark": benchmark.digest}
            task = ShardTask((predictions,), len(benchmark.sources))
            label = f"{benchmark.name} by {name}: {part[0]}"
            (shard,) = run_stage(store, Stage("judged", 3, settings), [task], work, label, "answer")
            table, signatures = shard.table("judged"), shard.stats["signatures"]
            found |= {metric: Judged(table[metric].to_numpy(), signatures[metric]) for metric in table.column_names}
        return found

    def _parts(self, benchmark: Benchmark) -> Iterator[tuple[Any, Callable[[Sequence[str]], dict[str, Judged]]]]:
        """For each judge what identifies it, and its answers."""
        if self.encoder is not None:
            model, layer = self.encoder
            yield ["encoder", model.commit, layer], lambda texts: self._likened(benchmark, texts)
        if self.sentence_encoder is not None:
            yield ["sentence encoder", self.sentence_encoder.commit], lambda texts: self._embedded(benchmark, texts)
        if self.nli is not None:
            yield ["nli", self.nli.model.commit, self.nli.label], lambda texts: self._entailed(benchmark, texts)
        if self.acceptability is not None:
            key = ["acceptability", self.acceptability.model.commit, self.acceptability.label]
            yield key, lambda texts: self._accepted(texts)
        if self.fluency is not None:
            yield ["fluency", self.fluency.commit], lambda texts: self._fluent(texts)
        if self.parser is not None and benchmark.exemplars is not None:
            yield ["parser", self.parser.key], lambda texts: self._parsed(benchmark, texts)

    @cached_property
    def _token_encoder(self) -> Any:
        assert self.encoder is not None
        return bertscore.load_encoder(*self.encoder)

    @cached_property
    def _sentence_encoder(self) -> Any:
        assert self.sentence_encoder is not None
        return similarity.load_sentence_encoder(self.sentence_encoder)

    @cached_property
    def _causal(self) -> tuple[Any, Any]:
        assert self.fluency is not None
        return load_causal(ordinary_folder(self.fluency))

    def _likened(self, benchmark: Benchmark, texts: Sequence[str]) -> dict[str, Judged]:
        encoder, sources = self._token_encoder, [[source] for source in benchmark.sources]
        human, own = (one.f1 for one in bertscore.bert_scores(texts, [benchmark.references, sources], encoder))
        signature = bertscore.bert_score_signature(encoder)
        # As `parascore.parascore`, whose two BERTScores these are.
        para = np.maximum(human, own) + parascore.WEIGHT * parascore.divergence(texts, benchmark.sources)
        return {
            "BERTScore": Judged(human, signature),
            "BERTScore to source": Judged(own, signature),
            "ParaScore": Judged(para, parascore.parascore_signature(encoder, referenced=True)),
        }

    def _embedded(self, benchmark: Benchmark, texts: Sequence[str]) -> dict[str, Judged]:
        values = similarity.cosine(texts, benchmark.sources, self._sentence_encoder)
        return {"Cosine": Judged(values, similarity.cosine_signature(self._sentence_encoder))}

    def _entailed(self, benchmark: Benchmark, texts: Sequence[str]) -> dict[str, Judged]:
        assert self.nli is not None
        model = load_classifier(self.nli.model)
        forward, backward = entailment.entailment(texts, benchmark.sources, model, self.nli.label)
        kept, mutual = entailment.entailed(forward, backward)
        signature = entailment.entailment_signature(self.nli.model.name, self.nli.name)
        return {
            "Entailed": Judged(kept, f"source to text|{signature}"),
            "Both ways": Judged(mutual, f"both directions|{signature}"),
        }

    def _accepted(self, texts: Sequence[str]) -> dict[str, Judged]:
        assert self.acceptability is not None
        found = self.acceptability
        values = fluency.acceptability(texts, load_classifier(found.model), found.label)
        return {"Acceptable": Judged(values, fluency.acceptability_signature(found.model.name, found.name))}

    def _fluent(self, texts: Sequence[str]) -> dict[str, Judged]:
        assert self.fluency is not None
        values = fluency.perplexity(texts, *self._causal, _BATCH_TEXTS)
        return {"Perplexity": Judged(values, fluency.signature(self.fluency.name, *self._causal))}

    def _parsed(self, benchmark: Benchmark, texts: Sequence[str]) -> dict[str, Judged]:
        """Distance to the exemplar, and the least of those to the references (SGCP prints both)."""
        assert self.parser is not None
        assert benchmark.exemplars is not None
        most = max(map(len, benchmark.references))
        padded = [
            [alternatives[min(place, len(alternatives) - 1)] for alternatives in benchmark.references]
            for place in range(most)
        ]
        nearest = np.min([syntax.tree_distance(texts, one, self.parser) for one in padded], axis=0)
        signature = syntax.tree_distance_signature(self.parser)
        return {
            "TED-F to exemplar": Judged(
                syntax.tree_distance(texts, benchmark.exemplars, self.parser), f"against:exemplar|{signature}"
            ),
            "TED-F to reference": Judged(nearest, f"against:nearest reference|{signature}"),
        }


def entailing(model: Model, where: str) -> Labelled:
    """A natural-language-inference model and its label of entailment.

    Args:
        model: A resolved sequence classifier.
        where: What it is for, in error messages.

    Raises:
        UserError: The model is none, or its labels do not say which one is entailment.
    """
    labels = labels_of(model, where)
    place = entailment_label(EntailmentSettings(critic="entailment", model=model.id), labels, where)
    return Labelled(model, place, labels[place])


def labelled(model: Model, name: str, where: str) -> Labelled:
    """A text classifier and the label of that name.

    Args:
        model: A resolved sequence classifier.
        name: Of the label.
        where: What it is for, in error messages.

    Raises:
        UserError: The model is none, or has no such label.
    """
    labels = labels_of(model, where)
    if name not in labels:
        raise UserError(f"{where}_label: {model.id} has no label {name!r}; its labels are {', '.join(labels)}")
    return Labelled(model, labels.index(name), name)
