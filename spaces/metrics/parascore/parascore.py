"""ParaScore: BERTScore against source and references, with a bonus for distance from the source."""

from typing import Any

from lemonpress import metric_modules
from lemonpress.metrics import parascore


class Parascore(metric_modules.Module):
    """ParaScore, with references or without."""

    about = metric_modules.About(
        title="ParaScore",
        summary="Paraphrases: near in meaning, rewarded for new wording",
        description=(
            "The greater of the BERTScore F1 against the source and that against the references, plus 0.05 times a "
            "divergence: with d the edit distance of the characters of prediction and source over the longer length, "
            "0.35 where d is at least 0.35, and below it a straight line from -1 for a copy. The configuration "
            "reference-free compares with the source alone."
        ),
        configs={
            "default": ("predictions", "references", "sources"),
            "reference-free": ("predictions", "sources"),
        },
        settings={
            "encoder": "of BERTScore: a Hub id, a folder that begins with ./ or a package:NAME",
            "encoder_revision": "commit, tag or branch of a Hub id",
            "layer": "of the encoder; by default the one that the bert-score package takes, else the last",
        },
        results={"parascore": "at most 1.0175, higher is better"},
        limits=(
            "The authors tune the weight of the divergence on a development set; 0.05 is their toolkit's. Numbers "
            "depend on the encoder and its layer; compare those of equal signatures only."
        ),
        citation="""@inproceedings{shen-etal-2022-evaluation,
  title     = {On the Evaluation Metrics for Paraphrase Generation},
  author    = {Shen, Lingfeng and Liu, Lemao and Jiang, Haiyun and Shi, Shuming},
  booktitle = {Proceedings of EMNLP},
  pages     = {3178--3190},
  year      = {2022},
  url       = {https://aclanthology.org/2022.emnlp-main.208}
}""",
        urls=("https://arxiv.org/abs/2202.08479",),
        example={
            "predictions": ["On Monday the mayor opened the new bridge.", "Snow delayed many trains."],
            "references": ["The new bridge was opened on Monday by the mayor.", "Trains were late because of snow."],
            "sources": ["The mayor opened the new bridge on Monday.", "Snow delayed many trains."],
        },
    )

    def _compute(
        self,
        predictions: list[str],
        sources: list[str],
        references: list[list[str]] | None = None,
        encoder: str = metric_modules.ENCODER,
        encoder_revision: str | None = None,
        layer: int | None = None,
        scores: bool = False,
    ) -> dict[str, Any]:
        loaded = metric_modules.token_encoder(encoder, encoder_revision, layer)
        values = parascore.parascore(predictions, sources, references, loaded)
        signature = parascore.parascore_signature(loaded, referenced=references is not None)
        return metric_modules.results({"parascore": (values, signature)}, scores)
