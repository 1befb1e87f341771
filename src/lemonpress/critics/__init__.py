"""Critics: what judges candidate pairs."""

from collections.abc import Callable, Sequence

from lemonpress.critics.base import Critic
from lemonpress.critics.entities import Entities
from lemonpress.critics.similarity import Similarity
from lemonpress.critics.surface import Compression, Length, Numbers, Repetition, RougeL
from lemonpress.recipes import (
    CompressionSettings,
    CriticSettings,
    EntitySettings,
    LengthSettings,
    NumberSettings,
    RepetitionSettings,
    RougeSettings,
    SimilaritySettings,
)
from lemonpress.sources import Model, resolve

Resolve = Callable[[str, str | None], Model]


def build(settings: Sequence[CriticSettings], find: Resolve = resolve) -> list[Critic]:
    """Make the critics that a recipe lists; models are found now and loaded when first needed.

    Args:
        settings: As in the recipe.
        find: Resolves a model reference and revision.

    Raises:
        UserError: A model cannot be found.
    """
    return [_build(one, find) for one in settings]


def _build(settings: CriticSettings, find: Resolve) -> Critic:
    match settings:
        case LengthSettings():
            return Length(settings)
        case CompressionSettings():
            return Compression(settings)
        case NumberSettings():
            return Numbers(settings)
        case RepetitionSettings():
            return Repetition(settings)
        case RougeSettings():
            return RougeL(settings)
        case SimilaritySettings():
            return Similarity(settings, find(settings.model, settings.revision))
        case EntitySettings():
            return Entities(settings, find(settings.model, None))
