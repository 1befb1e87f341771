"""How many of its words a text takes from its source."""

from typing import Any

from lemonpress import metric_modules
from lemonpress.metrics import bleu, diversity


class SourceOverlap(metric_modules.Module):
    """Jaccard similarity, self-BLEU, copies and novel n-grams."""

    about = metric_modules.About(
        title="Source overlap",
        summary="Words taken from the source: Jaccard, self-BLEU, copies",
        description=(
            "Four measures of what a prediction takes from its source, averaged over pairs. Jaccard: distinct words "
            "that both have over those of both. Self-BLEU: sentence-level BLEU-4 against the source. Copies: "
            "predictions that repeat the source but for casing, punctuation and spacing. Novel n-grams: the share of "
            "the prediction's word n-grams that the source does not have. Words are lower-cased runs of letters and "
            "digits; BLEU counts Treebank tokens."
        ),
        configs={"default": ("predictions", "sources")},
        settings={"n": "words of a novel n-gram"},
        results={
            "jaccard": "0 to 1, lower is more different",
            "self_bleu": "0 to 100, lower is more different",
            "copies": "share of the rows, 0 to 1, lower is better",
            "novel_ngrams": "0 to 1, higher is more different",
        },
        limits=(
            "Text that has nothing to do with the source is most different of all: read these beside a measure of "
            "meaning. Corpora whose tables give Jaccard times 100 may have counted other tokens."
        ),
        citation="""@inproceedings{huang-etal-2023-paraamr,
  title     = {{ParaAMR}: A Large-Scale Syntactically Diverse Paraphrase Dataset by {AMR} Back-Translation},
  author    = {Huang, Kuan-Hao and Iyer, Varun and Hsu, I-Hung and Kumar, Anoop and Chang, Kai-Wei and Galstyan, Aram},
  booktitle = {Proceedings of ACL},
  year      = {2023},
  url       = {https://arxiv.org/abs/2305.16585}
}""",
        urls=("https://arxiv.org/abs/2305.16585", "https://arxiv.org/abs/1704.04368"),
        example={
            "predictions": ["The new bridge was opened by the mayor on Monday.", "snow delayed many trains"],
            "sources": ["The mayor opened the new bridge on Monday.", "Snow delayed many trains."],
        },
    )

    def _compute(self, predictions: list[str], sources: list[str], n: int = 2, scores: bool = False) -> dict[str, Any]:
        return metric_modules.results(
            {
                "jaccard": (diversity.jaccard(predictions, sources), diversity.signature("Jaccard")),
                "self_bleu": (bleu.self_bleu(predictions, sources), bleu.signature()),
                "copies": (diversity.copies(predictions, sources), diversity.signature("copies")),
                "novel_ngrams": (
                    diversity.novel_ngrams(predictions, sources, n),
                    diversity.signature(f"novel {n}-grams"),
                ),
            },
            scores,
        )
