"""How varied the words of a corpus are: n-gram entropy and type-token ratio."""

from typing import Any

from lemonpress import metric_modules
from lemonpress.metrics import ngrams


class NgramDiversity(metric_modules.Module):
    """H2, H3 and MSTTR of a corpus."""

    about = metric_modules.About(
        title="N-gram diversity",
        summary="How varied a corpus's words are: H2, H3, MSTTR",
        description=(
            "H2 and H3 are the Shannon entropy in bits, minus the sum of p log2 p, of the corpus's distribution of "
            "word 2-grams and 3-grams: the joint entropy, not the conditional one. MSTTR is the mean share of "
            "distinct words in segments of equal length, over the shuffled corpus's words run together, the rest that "
            "fills no segment dropped. Words are lower-cased runs of letters and digits; punctuation does not count."
        ),
        configs={"default": ("predictions",)},
        settings={
            "segment": "words of a segment of MSTTR; 100 is what reference tools take",
            "shuffle_seed": "of the shuffle before MSTTR",
        },
        results={
            "h2": "bits, 0 to the logarithm of the number of 2-grams, higher is more varied",
            "h3": "bits, 0 to the logarithm of the number of 3-grams, higher is more varied",
            "msttr": "above 0 to 1, higher is more varied",
        },
        limits=(
            "Entropy grows with the corpus: compare samples of equal size only. Word salad is varied too. A corpus of "
            "fewer words than a segment has no MSTTR and is refused."
        ),
        citation="""@inproceedings{huang-etal-2023-paraamr,
  title     = {{ParaAMR}: A Large-Scale Syntactically Diverse Paraphrase Dataset by {AMR} Back-Translation},
  author    = {Huang, Kuan-Hao and Iyer, Varun and Hsu, I-Hung and Kumar, Anoop and Chang, Kai-Wei and Galstyan, Aram},
  booktitle = {Proceedings of ACL},
  year      = {2023},
  url       = {https://arxiv.org/abs/2305.16585}
}""",
        urls=("https://arxiv.org/abs/2305.16585", "https://github.com/GEM-benchmark/GEM-metrics"),
        example={
            "predictions": [
                "The mayor opened the bridge.",
                "The bridge was opened by the mayor.",
                "Snow delayed trains.",
            ],
            "segment": 10,
        },
    )

    def _compute(self, predictions: list[str], segment: int = 100, shuffle_seed: int = 0) -> dict[str, Any]:
        return {
            "h2": ngrams.ngram_entropy(predictions, 2),
            "h3": ngrams.ngram_entropy(predictions, 3),
            "msttr": ngrams.msttr(predictions, segment, shuffle_seed),
            "signatures": {
                "h2": ngrams.ngram_entropy_signature(2),
                "h3": ngrams.ngram_entropy_signature(3),
                "msttr": ngrams.msttr_signature(segment, shuffle_seed),
            },
        }
