"""Cards: what a repository says about itself, rendered from what a run knows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lemonpress.assets import asset
from lemonpress.funnel import Step, render
from lemonpress.hub.checks import REPO_ID
from lemonpress.markdown import literal
from lemonpress.personal_data import Kind
from lemonpress.students.contract import Contract

if TYPE_CHECKING:
    from huggingface_hub import CardData
    from jinja2 import Environment

    from lemonpress.evaluation.results import Measured

Task = Literal["paraphrase", "summary"]
Value = str | int | float

_TASK_CATEGORY: dict[Task, str] = {"paraphrase": "text-generation", "summary": "summarization"}
_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
)


@dataclass(frozen=True)
class ConfigFiles:
    """One configuration of a corpus.

    Attributes:
        name: Configuration name.
        default: Whether loaders take it when none is named.
        splits: Path in the repository and number of rows of each split, by split name.
    """

    name: str
    default: bool
    splits: Mapping[str, tuple[str, int]]


@dataclass(frozen=True)
class CorpusCard:
    """What the card of a corpus is made of.

    Attributes:
        repo_id: ``namespace/name``.
        version: Released version such as ``1.0.0``.
        task: paraphrase or summary.
        licence: SPDX-like identifier as the Hub knows it.
        configs: Configurations; one is the default.
        schema: Name, type and description of each column, by configuration.
        funnel: What each step saw and kept; a file ``funnel.png`` lies beside the card.
        examples: A few rows of the default configuration.
        rejected_examples: A few rejected rows, with critic and score.
        statistics: Measured numbers, by what they measure.
        personal: Rows that hold personal data or a secret, by its kind, over all configurations.
        withheld: Pairs that were left out for it, by its kind; None where the recipe keeps them.
        provenance: Content of ``provenance.json``.
        teacher: Model that wrote sentences; None where all come from existing corpora.
        critics: Name of each critic, and what it asked of a pair.
        contexts: Where the contexts came from, as a sentence.
        sampled: Whether the teacher continued contexts.
        asked: What a teacher was asked for each sentence of a pool of sentences, with its placeholders; None without
            such a pool.
        existing: Existing corpora whose pairs were filtered, with commits.
        written_by: Language models that wrote pairs of these.
        control: What the configuration ``control`` holds and how its trees were made, as a sentence; None without one.
        glance: The figures that tell most of the report, in one line.
        measured: What the corpus report says, as Markdown; its plots and ``report.json`` lie beside the card.
        endpoint: Address of the Hub where it is not the public one. It is part of the card's content: give one that
            does not change between runs.
        notes: Sentences on licences and limits that this run's models bring.
        licence_name: Name of a licence that the Hub lists as ``other``.
        licence_link: Page of its terms, if there is one.
        language: Language code.
    """

    repo_id: str
    version: str
    task: Task
    licence: str
    configs: Sequence[ConfigFiles]
    schema: Mapping[str, Sequence[tuple[str, str, str]]]
    funnel: Sequence[Step]
    examples: Sequence[Mapping[str, Value]]
    rejected_examples: Sequence[Mapping[str, Value]]
    statistics: Mapping[str, Value]
    personal: Mapping[Kind, int]
    withheld: Mapping[Kind, int] | None
    provenance: Mapping[str, Any]
    teacher: str | None
    critics: Sequence[tuple[str, str]]
    contexts: str
    sampled: bool = True
    asked: str | None = None
    existing: Sequence[str] = ()
    written_by: Sequence[str] = ()
    control: str | None = None
    glance: str | None = None
    measured: str | None = None
    endpoint: str | None = None
    notes: Sequence[str] = ()
    licence_name: str | None = None
    licence_link: str | None = None
    language: str = "en"


@dataclass(frozen=True)
class ModelCard:
    """What the card of a base or student is made of.

    Attributes:
        repo_id: ``namespace/name``.
        version: Released version such as ``1.0.0``.
        kind: ``base`` for weights taken over from elsewhere, ``student`` for a trained one.
        licence: SPDX-like identifier as the Hub knows it.
        base_id: Model that it comes from: of a base, the original; of a student, the repository of its base.
        base_commit: Commit of that model, or ``sha256:...`` of packaged weights.
        datasets: Dataset repositories and the revision of each that it was trained on; none for a base.
        prompts: Complete example prompt of each task, as the model was trained on it; the snippet runs the first.
        training: Settings and measurements of the training, by name; empty for a base.
        measured: How good it is, or None where that was not measured.
        provenance: Content of ``provenance.json``.
        endpoint: As in `CorpusCard`.
        notes: As in `CorpusCard`.
        licence_name: As in `CorpusCard`.
        licence_link: As in `CorpusCard`.
        contract: Of a student, what it was trained to do.
        adapter: Of a student, whether it was trained with LoRA, so that ``adapter/`` lies beside the merged weights.
        language: Language code.
    """

    repo_id: str
    version: str
    kind: Literal["base", "student"]
    licence: str
    base_id: str
    base_commit: str
    datasets: Sequence[tuple[str, str]]
    prompts: Mapping[str, str]
    training: Mapping[str, Value]
    measured: "Measured | None"
    provenance: Mapping[str, Any]
    endpoint: str | None = None
    notes: Sequence[str] = ()
    licence_name: str | None = None
    licence_link: str | None = None
    contract: Contract | None = None
    adapter: bool = True
    language: str = "en"

    @property
    def encodes(self) -> bool:
        """Whether it is an encoder-decoder model."""
        return self.contract is not None and self.contract.kind == "seq2seq"


@dataclass(frozen=True)
class SpaceCard:
    """What the card of a Gradio Space is made of.

    Attributes:
        repo_id: ``namespace/name``.
        version: Released version such as ``1.0.0``.
        title: Name on the Space's page.
        summary: What it does, in at most 60 characters.
        licence: SPDX-like identifier as the Hub knows it.
        models: Model repositories and the version of each that it runs.
        datasets: Dataset repositories and the version of each behind those models.
        gradio_version: Exact version of Gradio.
        python_version: Major and minor version of Python.
        body: What its page says of it, in Markdown.
        preload: What the Hub downloads into its image: repository, files and commit of each.
        provenance: As in `CorpusCard`.
        endpoint: As in `CorpusCard`.
        notes: As in `CorpusCard`.
    """

    repo_id: str
    version: str
    title: str
    summary: str
    licence: str
    models: Sequence[tuple[str, str]]
    datasets: Sequence[tuple[str, str]]
    gradio_version: str
    python_version: str
    body: str
    preload: Sequence[str]
    provenance: Mapping[str, Any]
    endpoint: str | None = None
    notes: Sequence[str] = ()


def render_corpus_card(card: CorpusCard) -> str:
    """Render README.md of a dataset repository.

    Raises:
        ValueError: Not exactly one configuration is the default.
    """
    from huggingface_hub import DatasetCardData

    defaults = [config for config in card.configs if config.default]
    if len(defaults) != 1:
        raise ValueError(f"{card.repo_id}: one configuration is the default, not {len(defaults)}")
    rows = sum(count for _, count in defaults[0].splits.values())
    data = DatasetCardData(
        pretty_name=_name(card.repo_id),
        license=card.licence,
        license_name=card.licence_name,
        license_link=card.licence_link,
        language=card.language,
        task_categories=[_TASK_CATEGORY[card.task]],
        size_categories=[_size(rows)],
        tags=[card.task, *(["synthetic"] if card.teacher else []), "distillation", "lemonpress"],
        configs=[
            {
                "config_name": config.name,
                "data_files": [{"split": split, "path": path} for split, (path, _) in config.splits.items()],
                **({"default": True} if config.default else {}),
            }
            for config in card.configs
        ],
    )
    columns = list(dict.fromkeys(column for row in card.rejected_examples for column in row))
    return render_template(
        "cards/dataset_card.md.jinja",
        data,
        card=card,
        name=_name(card.repo_id),
        rows=rows,
        default=defaults[0],
        funnel=render(card.funnel),
        rejected_columns=columns,
    )


def render_model_card(card: ModelCard) -> str:
    """Render README.md of a model repository.

    Raises:
        ValueError: There is no prompt to show, or a student has no contract.
    """
    from huggingface_hub import ModelCardData

    if not card.prompts:
        raise ValueError(f"{card.repo_id}: a model card needs at least one prompt to show")
    if card.kind == "student" and card.contract is None:
        raise ValueError(f"{card.repo_id}: a student's card needs its contract")
    contract = card.contract or Contract()
    own = [*contract.tasks, "distillation", *(["lora"] if card.adapter else [])] if card.kind == "student" else []
    data = ModelCardData(
        base_model=card.base_id if REPO_ID.fullmatch(card.base_id) else None,
        datasets=list(dict.fromkeys(repo_id for repo_id, _ in card.datasets)) or None,
        language=card.language,
        library_name="transformers",
        license=card.licence,
        license_name=card.licence_name,
        license_link=card.licence_link,
        # The Hub has no tag for rewriting with an encoder-decoder model; summarization is the nearest that it knows.
        pipeline_tag="summarization" if card.encodes and "summary" in contract.tasks else "text-generation",
        tags=["lemonpress", *own],
        model_name=_name(card.repo_id) if card.measured else None,
        eval_results=list(card.measured.entries) if card.measured else None,
    )
    return render_template("cards/model_card.md.jinja", data, card=card, name=_name(card.repo_id))


def render_space_card(card: SpaceCard) -> str:
    """Render README.md of a Space.

    Raises:
        ValueError: The summary is longer than the Hub shows.
    """
    from huggingface_hub import SpaceCardData

    if len(card.summary) > 60:
        raise ValueError(f"{card.repo_id}: the summary of a Space has at most 60 characters, not {len(card.summary)}")
    data = SpaceCardData(
        title=card.title,
        emoji="🍋",
        colorFrom="yellow",
        colorTo="green",
        sdk="gradio",
        sdk_version=card.gradio_version,
        python_version=card.python_version,
        app_file="start.py",
        license=card.licence,
        short_description=card.summary,
        models=[repo_id for repo_id, _ in card.models] or None,
        datasets=[repo_id for repo_id, _ in card.datasets] or None,
        tags=["paraphrase", "lemonpress"],
        preload_from_hub=list(card.preload) or None,
    )
    return render_template("cards/space_card.md.jinja", data, card=card)


def render_history(version: str, history: Sequence[Mapping[str, Any]]) -> str:
    """The section of a card that lists the versions and what each changed.

    Args:
        version: The version whose card it is.
        history: As ``provenance.json`` holds it.
    """
    return (
        _environment("cards/history.md.jinja")
        .get_template("history.md.jinja")
        .render(history=history, version=version)
    )


def render_template(template: str, data: "CardData", **values: Any) -> str:
    """Render a card from its template, whose filters are literal, number and python.

    Args:
        template: Template that ships, such as ``cards/model_card.md.jinja``.
        data: What the card's front matter says; checked by the Hub's own class.
        values: Every name that the template uses; a missing one is an error.
    """
    environment = _environment(template)
    text = environment.get_template(template.rpartition("/")[2]).render(front_matter=data.to_yaml(), **values)
    return re.sub(r"\n{3,}", "\n\n", text)


def _environment(template: str) -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    # The Hub's own from_template lets an unknown name render as nothing; a card must fail instead.
    folder = asset(template).parent
    environment = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= {"literal": literal, "number": _number, "python": repr}
    return environment


def _number(value: Value) -> str:
    if isinstance(value, bool | str):
        return literal(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}"


def _size(rows: int) -> str:
    return next((name for limit, name in _SIZES if rows < limit), "100M<n<1B")


def _name(repo_id: str) -> str:
    return repo_id.rpartition("/")[2]
