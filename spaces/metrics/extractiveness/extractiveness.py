"""How much shorter a summary is than its source, and how much of it comes from there."""

from typing import Any

from lemonpress import metric_modules
from lemonpress.metrics import compression


class Extractiveness(metric_modules.Module):
    """Compression, coverage and density."""

    about = metric_modules.About(
        title="Extractiveness",
        summary="Summaries: compression, coverage and density",
        description=(
            "Compression: words of the prediction over words of the source, a word being what stands between white "
            "space. Coverage: the share of the prediction's words that the source has. Density: the squared lengths "
            "of the fragments that the prediction takes from the source, found greedily from its first word on, over "
            "its words. The means over pairs; coverage and density after Newsroom (Grusky et al. 2018)."
        ),
        configs={"default": ("predictions", "sources")},
        settings={},
        results={
            "compression": "from 0; 1 is as long as the source, lower is shorter",
            "coverage": "0 to 1, higher is more extractive",
            "density": "0 to the number of words (a copy), higher is more extractive",
        },
        limits=(
            "Newsroom's compression is the inverse, source over summary. A short text is no good summary by that "
            "alone."
        ),
        citation="""@inproceedings{grusky-etal-2018-newsroom,
  title     = {Newsroom: A Dataset of 1.3 Million Summaries with Diverse Extractive Strategies},
  author    = {Grusky, Max and Naaman, Mor and Artzi, Yoav},
  booktitle = {Proceedings of NAACL-HLT (Volume 1: Long Papers)},
  pages     = {708--719},
  year      = {2018},
  url       = {https://aclanthology.org/N18-1065}
}""",
        urls=("https://aclanthology.org/N18-1065",),
        example={
            "predictions": ["The mayor opened the bridge.", "Trains are late."],
            "sources": [
                "On Monday the mayor opened the new bridge.",
                "Snow delayed many trains in the north.",
            ],
        },
    )

    def _compute(self, predictions: list[str], sources: list[str], scores: bool = False) -> dict[str, Any]:
        return metric_modules.results(
            {
                "compression": (compression.compression(predictions, sources), compression.compression_signature()),
                "coverage": (compression.coverage(predictions, sources), compression.coverage_signature()),
                "density": (compression.density(predictions, sources), compression.density_signature()),
            },
            scores,
        )
