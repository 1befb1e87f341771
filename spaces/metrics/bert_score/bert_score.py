"""BERTScore, as the bert-score package computes it, with any encoder."""

from typing import Any

from lemonpress import metric_modules
from lemonpress.metrics import bertscore


class BertScore(metric_modules.Module):
    """BERTScore precision, recall and F1."""

    about = metric_modules.About(
        title="BERTScore",
        summary="Likeness to references by contextual token vectors",
        description=(
            "Each token of a prediction is matched with the likest token of the reference by the cosine of their "
            "contextual vectors, which gives precision, and the other way round, which gives recall; F1 is their "
            "harmonic mean. Without idf weights and without rescaling, as the bert-score package does by default and "
            "equal to it; of several references each number is the best that any gives. Any transformers encoder "
            "will do, also those on which the package fails (DeBERTa)."
        ),
        configs={"default": ("predictions", "references")},
        settings={
            "encoder": "a Hub id, a folder that begins with ./ or a package:NAME",
            "encoder_revision": "commit, tag or branch of a Hub id",
            "layer": "of the encoder; by default the one that the bert-score package takes, else the last",
        },
        results={
            "f1": "at most 1, higher is nearer",
            "precision": "at most 1, higher where all of the prediction is in a reference",
            "recall": "at most 1, higher where all of a reference is in the prediction",
        },
        limits=(
            "Unrelated sentences score well above 0, by an amount that depends on the encoder; compare numbers of "
            "equal signatures only. It is weak on negation, numbers and names."
        ),
        citation="""@inproceedings{zhang-etal-2020-bertscore,
  title     = {{BERTScore}: Evaluating Text Generation with {BERT}},
  author    = {Zhang, Tianyi and Kishore, Varsha and Wu, Felix and Weinberger, Kilian Q. and Artzi, Yoav},
  booktitle = {International Conference on Learning Representations},
  year      = {2020},
  url       = {https://openreview.net/forum?id=SkeHuCVFDr}
}""",
        urls=("https://arxiv.org/abs/1904.09675", "https://github.com/Tiiiger/bert_score"),
        example={
            "predictions": ["On Monday the mayor opened the new bridge.", "Snow delayed many trains."],
            "references": [
                ["The mayor opened a bridge.", "The bridge is open."],
                ["Snow made trains late."],
            ],
        },
    )

    def _compute(
        self,
        predictions: list[str],
        references: list[list[str]],
        encoder: str = metric_modules.ENCODER,
        encoder_revision: str | None = None,
        layer: int | None = None,
        scores: bool = False,
    ) -> dict[str, Any]:
        loaded = metric_modules.token_encoder(encoder, encoder_revision, layer)
        found = bertscore.bert_score(predictions, references, loaded)
        signature = bertscore.bert_score_signature(loaded)
        return metric_modules.results(
            {
                "f1": (found.f1, signature),
                "precision": (found.precision, signature),
                "recall": (found.recall, signature),
            },
            scores,
        )
