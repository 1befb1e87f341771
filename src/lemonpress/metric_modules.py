"""What the `evaluate` modules of ``spaces/metrics`` share: inputs and their checks, results, the models they ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from typing import Any, ClassVar

import evaluate
import numpy as np
import numpy.typing as npt
from datasets import Features, List, Value

from lemonpress.evaluation.judges import Labelled, entailing, labelled
from lemonpress.metrics import bertscore, similarity
from lemonpress.metrics.encoders import TokenEncoder
from lemonpress.metrics.words import require_references, require_same_length, require_texts
from lemonpress.recipes.judges import JudgeSettings
from lemonpress.sources import resolve
from lemonpress.weights import check_causal, load_causal, ordinary_folder

Floats = npt.NDArray[np.float64]

_JUDGES = JudgeSettings()
ENCODER = str(_JUDGES.encoder)
SENTENCE_ENCODER = str(_JUDGES.sentence_encoder)
NLI = str(_JUDGES.nli)
FLUENCY = str(_JUDGES.fluency)
PARSER = str(_JUDGES.parser)
ACCEPTABLE = _JUDGES.acceptability_label

INPUTS = {
    "predictions": "texts to judge, one a row",
    "references": "for each row a text or a list of texts that the prediction may match",
    "sources": "for each row the text that the prediction was made from",
    "ratings": "for each unit a list of what the raters said, in the same order; None where one said nothing",
}
"""What each input of a module is."""

_FEATURES = {
    "predictions": Value("string"),
    "references": List(Value("string")),
    "sources": Value("string"),
    "ratings": List(Value("float64")),
}


@dataclass(frozen=True)
class About:
    """What a module says of itself, to `evaluate` and on its card.

    Attributes:
        title: Name of the metric.
        summary: What it tells, in at most 60 characters.
        description: Its definition.
        configs: The inputs that are needed, by configuration; one is called default, and has all of them.
        results: Each result, its range and its better end.
        limits: What it does not tell.
        citation: BibTeX.
        urls: Papers.
        example: Inputs and settings that show it.
        settings: What each setting beside `scores` means.
    """

    title: str
    summary: str
    description: str
    configs: Mapping[str, tuple[str, ...]]
    results: Mapping[str, str]
    limits: str
    citation: str
    urls: tuple[str, ...]
    example: Mapping[str, Any]
    settings: Mapping[str, str]


class Module(evaluate.Metric):
    """Base of the modules, which add `about` and ``_compute``.

    `evaluate` casts what it is given: NaN to a text, a list of references to one, or fails in many lines. Rows are
    therefore checked before it sees them.
    """

    about: ClassVar[About]

    def _info(self) -> Any:
        configs, config = self.about.configs, self.config_name
        if config not in configs:
            raise ValueError(f"{self.about.title} has no configuration {config!r}; it has {', '.join(configs)}")
        inputs = [f"    {name}: {INPUTS[name]}" for name in configs[config]]
        settings = [f"    {name}: {text}" for name, text in self.about.settings.items()]
        results = [f"    {name}: {text}" for name, text in self.about.results.items()]
        return evaluate.MetricInfo(
            description=self.about.description,
            citation=self.about.citation,
            inputs_description="\n".join(["", "Args:", *inputs, *settings, "Returns:", *results, ""]),
            features=Features({name: _FEATURES[name] for name in configs[config]}),
            reference_urls=list(self.about.urls),
        )

    def compute(self, *, predictions: Any = None, references: Any = None, **kwargs: Any) -> Any:
        """Compute the metric; `sources` are taken by every module, since `evaluate.combine` gives all to all."""
        if "sources" not in self._feature_names():
            kwargs.pop("sources", None)
        return super().compute(predictions=predictions, references=references, **kwargs)

    def add_batch(self, *, predictions: Any = None, references: Any = None, **kwargs: Any) -> None:
        """Add rows.

        Raises:
            ValueError: An input is missing or empty, inputs differ in length, or a row is no text.
        """
        given = {"predictions": predictions, "references": references, **kwargs}
        rows = {name: _rows(name, given.get(name)) for name in self._feature_names()}
        first = next(iter(rows))
        for name, column in rows.items():
            require_same_length(rows[first], column, name)
        super().add_batch(**kwargs | rows)

    def add(self, *, prediction: Any = None, reference: Any = None, **kwargs: Any) -> None:
        """Add one row."""
        row = {"predictions": prediction, "references": reference, **kwargs}
        self.add_batch(**{name: None if value is None else [value] for name, value in row.items()})


def _rows(name: str, given: Any) -> list[Any]:
    if given is None or not len(given):
        raise ValueError(f"{name} are missing or empty; give {INPUTS[name]}")
    if name == "references":
        rows = [[row] if isinstance(row, str) else row for row in given]
        require_references(rows)
        return [list(row) for row in rows]
    if name == "ratings":
        for unit, said in enumerate(given):
            listed = isinstance(said, Sequence | np.ndarray)
            if not listed or not all(one is None or isinstance(one, Real) for one in said):
                raise ValueError(f"ratings of unit {unit} are {said!r:.60}; give a list of numbers")
    else:
        require_texts(given, name.removesuffix("s"))
    return list(given)


def results(rows: Mapping[str, tuple[Floats, str]], scores: bool) -> dict[str, Any]:
    """What a module returns of per-row values.

    Args:
        rows: Values of each row, NaN where it has none, and signature, by metric.
        scores: Whether the values of each row are returned too.

    Returns:
        The mean of each metric over the rows that have a value, NaN where none has; under ``signatures`` what exactly
        was computed, and under ``scores`` lists of the values, both by metric.
    """
    found: dict[str, Any] = {name: _mean(values) for name, (values, _) in rows.items()}
    found["signatures"] = {name: signature for name, (_, signature) in rows.items()}
    if scores:
        found["scores"] = {name: values.tolist() for name, (values, _) in rows.items()}
    return found


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


@lru_cache(maxsize=2)
def token_encoder(encoder: str, revision: str | None, layer: int | None) -> TokenEncoder:
    """The encoder of BERTScore that a module's settings name (`bertscore.load_encoder`), loaded once.

    Raises:
        UserError: There is no such model, it is no encoder, or it has no such layer.
    """
    return bertscore.load_encoder(resolve(encoder, revision, where="encoder"), layer)


@lru_cache(maxsize=2)
def sentence_encoder(
    encoder: str, revision: str | None, pooling: similarity.Pooling | None
) -> similarity.SentenceEncoder:
    """The sentence encoder that a module's settings name (`similarity.load_sentence_encoder`), loaded once.

    Raises:
        UserError: There is no such model, it is no encoder, or it has not this pooling.
    """
    model = resolve(encoder, revision, where="sentence_encoder")
    return similarity.load_sentence_encoder(model, pooling, where="sentence_encoder")


@lru_cache(maxsize=2)
def nli_model(nli: str, revision: str | None) -> Labelled:
    """The natural-language-inference model that a module's settings name.

    Raises:
        UserError: There is no such model, or it is none of inference.
    """
    return entailing(resolve(nli, revision, where="nli"), "nli")


@lru_cache(maxsize=2)
def acceptability_model(acceptability: str, revision: str | None, label: str) -> Labelled:
    """The text classifier that a module's settings name.

    Raises:
        UserError: There is no such model, or it has no such label.
    """
    return labelled(resolve(acceptability, revision, where="acceptability"), label, "acceptability")


@lru_cache(maxsize=1)
def causal_model(fluency: str, revision: str | None, dtype: str) -> tuple[str, Any, Any]:
    """The causal language model that a module's settings name, loaded once: id and commit, model, tokenizer.

    Raises:
        UserError: There is no such model, it is no causal language model, or there is no such dtype.
    """
    model = resolve(fluency, revision, where="fluency")
    check_causal(model, "fluency")
    return model.name, *load_causal(ordinary_folder(model), dtype)
