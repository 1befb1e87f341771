"""Critics: what judges candidate pairs."""

from collections.abc import Callable, Sequence

from lemonpress.critics.base import Critic
from lemonpress.critics.classifier import TextClassifier
from lemonpress.critics.degeneracy import CopiedContext, Repetition
from lemonpress.critics.diversity import Diversity
from lemonpress.critics.entailment import Entailment, entailment
from lemonpress.critics.entities import Entities
from lemonpress.critics.numbers import Numbers
from lemonpress.critics.polarity import Polarity
from lemonpress.critics.similarity import Similarity, SimilarityScorer
from lemonpress.critics.surface import Compression, Length, Question, RougeL
from lemonpress.critics.syntax import Syntax
from lemonpress.recipes import (
    ClassifierSettings,
    CompressionSettings,
    CopiedContextSettings,
    CriticSettings,
    DiversitySettings,
    EntailmentSettings,
    EntitySettings,
    LengthSettings,
    NumberSettings,
    PolaritySettings,
    QuestionSettings,
    RepetitionSettings,
    RougeSettings,
    SimilaritySettings,
    SyntaxSettings,
)
from lemonpress.sources import Model, resolve
from lemonpress.syntax.parsers import find_parser

Resolve = Callable[[str, str | None], Model]


def build(settings: Sequence[CriticSettings], find: Resolve = resolve) -> list[Critic]:
    """Make the critics that a recipe lists; models are found and checked now and loaded when first needed.

    Args:
        settings: As in the recipe.
        find: Resolves a model reference and revision.

    Raises:
        UserError: A model or parser cannot be found, or is not what its critic needs.
    """
    return [critic for one in settings for critic in _build(one, find)]


def build_diversity(settings: DiversitySettings | None, critics: Sequence[Critic]) -> Diversity | None:
    """What keeps one of the pairs that say the same, with its edges from one of the critics."""
    if settings is None:
        return None
    for critic in critics:
        match critic:
            case Entailment() if settings.edges == "entailment":
                return Diversity(settings, critic.scorer)
            case Similarity() if settings.edges == "similarity":
                return Diversity(settings, critic.scorer)
    raise ValueError(f"no critic scores the edges: {settings.edges}")


def _build(settings: CriticSettings, find: Resolve) -> Sequence[Critic]:
    match settings:
        case LengthSettings():
            return [Length(settings)]
        case CompressionSettings():
            return [Compression(settings)]
        case NumberSettings():
            return [Numbers(settings)]
        case RepetitionSettings():
            return [Repetition(settings)]
        case CopiedContextSettings():
            return [CopiedContext(settings)]
        case RougeSettings():
            return [RougeL(settings)]
        case PolaritySettings():
            return [Polarity(settings)]
        case QuestionSettings():
            return [Question(settings)]
        case SimilaritySettings():
            return [Similarity(settings, SimilarityScorer(find(settings.model, settings.revision)))]
        case EntitySettings():
            return [Entities(settings, find(settings.model, None))]
        case ClassifierSettings():
            return [TextClassifier(settings, find(settings.model, settings.revision))]
        case EntailmentSettings():
            return entailment(settings, find(settings.model, settings.revision))
        case SyntaxSettings():
            return [_syntax(settings, find)]


def _syntax(settings: SyntaxSettings, find: Resolve) -> Syntax:
    parser = find_parser(settings.parser, settings.model, find, "critic syntax")
    return Syntax(settings, parser, (parser.model,))
