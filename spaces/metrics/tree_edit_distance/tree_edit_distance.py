"""How far the syntax of a text is from that of its source."""

from typing import Any

from lemonpress import metric_modules
from lemonpress.metrics import syntax
from lemonpress.syntax.parsers import find_parser


class TreeEditDistance(metric_modules.Module):
    """TED-F and TED-3."""

    about = metric_modules.About(
        title="Tree edit distance",
        summary="How far a text's syntax is from its source's",
        description=(
            "Tree edit distance (Zhang and Shasha 1989) of the parses of a prediction and its source, with unit "
            "costs, averaged over pairs: of whole trees (TED-F) and of their top three levels (TED-3). Words are left "
            "out of the trees. For controlled paraphrasing give the exemplars, or the references, as sources."
        ),
        configs={"default": ("predictions", "sources")},
        settings={"parser": "spacy (dependency trees) or stanza (constituency trees, the papers' kind)"},
        results={
            "ted_f": "edits, from 0; higher is more different in structure",
            "ted_3": "edits, from 0; higher is more different in structure",
        },
        limits=(
            "Distances of different parsers are on different scales, and longer sentences are further apart. The "
            "papers use CoreNLP, which Stanza is near to. Rows with a blank text have no distance and are left out of "
            "the mean."
        ),
        citation="""@article{kumar-etal-2020-syntax,
  title   = {Syntax-Guided Controlled Generation of Paraphrases},
  author  = {Kumar, Ashutosh and Ahuja, Kabir and Vadapalli, Raghuram and Talukdar, Partha},
  journal = {Transactions of the Association for Computational Linguistics},
  volume  = {8},
  pages   = {330--345},
  year    = {2020},
  url     = {https://aclanthology.org/2020.tacl-1.22}
}""",
        urls=("https://aclanthology.org/2020.tacl-1.22", "https://doi.org/10.1137/0218082"),
        example={
            "predictions": ["The new bridge was opened on Monday by the mayor.", "Snow delayed many trains."],
            "sources": ["The mayor opened the new bridge on Monday.", "Snow delayed many trains."],
        },
    )

    def _compute(
        self,
        predictions: list[str],
        sources: list[str],
        parser: str = metric_modules.PARSER,
        scores: bool = False,
    ) -> dict[str, Any]:
        if parser not in ("spacy", "stanza"):
            raise ValueError(f"parser is {parser!r}; give spacy or stanza")
        found = find_parser(parser, None)
        levels = {"ted_f": None, "ted_3": 3}
        return metric_modules.results(
            {
                name: (
                    syntax.tree_distance(predictions, sources, found, depth),
                    syntax.tree_distance_signature(found, depth),
                )
                for name, depth in levels.items()
            },
            scores,
        )
