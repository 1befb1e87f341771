"""BERT-iBLEU: near in meaning and far in words, without references."""

from typing import Any

from lemonpress import metric_modules
from lemonpress.metrics import bert_ibleu, bertscore, bleu


class BertIbleu(metric_modules.Module):
    """Harmonic mean of BERTScore and unlikeness in words, both to the source."""

    about = metric_modules.About(
        title="BERT-iBLEU",
        summary="Paraphrases: like the source in meaning, not in words",
        description=(
            "Weighted harmonic mean of B, the BERTScore F1 of a paraphrase against its source, and 1 - S, where S is "
            "its sentence-level BLEU-4 against the source as a share: (1 + beta) B (1 - S) / (beta (1 - S) + B), "
            "times 100, averaged over sentences. Copies score exactly 0 and count in the mean."
        ),
        configs={"default": ("predictions", "sources")},
        settings={
            "beta": "weight of B, above 0; 4 is the paper's",
            "encoder": "of BERTScore: a Hub id, a folder that begins with ./ or a package:NAME",
            "encoder_revision": "commit, tag or branch of a Hub id",
            "layer": "of the encoder; by default the one that the bert-score package takes, else the last",
        },
        results={
            "bert_ibleu": "0 to 100, higher is better",
            "bert_score": "F1 against the source, at most 1, higher is nearer in meaning",
            "self_bleu": "against the source, 0 to 100, lower is more different",
        },
        limits=(
            "The number depends on the encoder and its layer, which papers seldom name (Impossible Distillation does "
            "not); never compare numbers of different signatures."
        ),
        citation="""@inproceedings{niu-etal-2021-unsupervised,
  title     = {Unsupervised Paraphrasing with Pretrained Language Models},
  author    = {Niu, Tong and Yavuz, Semih and Zhou, Yingbo and Keskar, Nitish Shirish
               and Wang, Huan and Xiong, Caiming},
  booktitle = {Proceedings of EMNLP},
  pages     = {5136--5150},
  year      = {2021},
  url       = {https://aclanthology.org/2021.emnlp-main.417}
}""",
        urls=("https://aclanthology.org/2021.emnlp-main.417",),
        example={
            "predictions": ["On Monday the mayor opened the new bridge.", "Snow delayed many trains."],
            "sources": ["The mayor opened the new bridge on Monday.", "Snow delayed many trains."],
        },
    )

    def _compute(
        self,
        predictions: list[str],
        sources: list[str],
        beta: float = bert_ibleu.BETA,
        encoder: str = metric_modules.ENCODER,
        encoder_revision: str | None = None,
        layer: int | None = None,
        scores: bool = False,
    ) -> dict[str, Any]:
        loaded = metric_modules.token_encoder(encoder, encoder_revision, layer)
        near = bertscore.bert_score(predictions, [[source] for source in sources], loaded).f1
        own = bleu.self_bleu(predictions, sources)
        likeness = bertscore.bert_score_signature(loaded)
        signature = bert_ibleu.bert_ibleu_signature(likeness, beta=beta)
        return metric_modules.results(
            {
                "bert_ibleu": (bert_ibleu.bert_ibleu(near, own, beta), signature),
                "bert_score": (near, likeness),
                "self_bleu": (own, bleu.signature()),
            },
            scores,
        )
