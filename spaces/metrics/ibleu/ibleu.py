"""iBLEU: near to the references and far from the source."""

from typing import Any

from lemonpress import metric_modules
from lemonpress.metrics import bleu


class Ibleu(metric_modules.Module):
    """iBLEU of sentence-level BLEU-4."""

    about = metric_modules.About(
        title="iBLEU",
        summary="Paraphrases: like the references, unlike the source",
        description=(
            "alpha times the BLEU of a paraphrase against its references, less 1 - alpha times its BLEU against the "
            "source, averaged over sentences. Both are sentence-level BLEU-4 on lower-cased Treebank tokens with one "
            "added to every n-gram count, as `paper_bleu` computes it."
        ),
        configs={"default": ("predictions", "references", "sources")},
        settings={"alpha": "weight of the references, 0 to 1; 0.7 is that of Impossible Distillation"},
        results={
            "ibleu": "-100 (1 - alpha) to 100 alpha, higher is better",
            "bleu": "against the references, 0 to 100, higher is nearer",
            "self_bleu": "against the source, 0 to 100, lower is more different",
        },
        limits=(
            "Work differs in alpha (0.7, 0.8 and 0.9 are in use), in the BLEU and in casing; compare numbers of equal "
            "signatures only. It does not see meaning beyond words shared with the references."
        ),
        citation="""@inproceedings{sun-zhou-2012-joint,
  title     = {Joint Learning of a Dual {SMT} System for Paraphrase Generation},
  author    = {Sun, Hong and Zhou, Ming},
  booktitle = {Proceedings of ACL (Volume 2: Short Papers)},
  pages     = {38--42},
  year      = {2012},
  url       = {https://aclanthology.org/P12-2008}
}""",
        urls=("https://aclanthology.org/P12-2008", "https://arxiv.org/abs/2305.16635"),
        example={
            "predictions": ["On Monday the mayor opened the new bridge.", "Snow delayed many trains."],
            "references": ["The new bridge was opened on Monday by the mayor.", "Many trains were delayed by snow."],
            "sources": ["The mayor opened the new bridge on Monday.", "Snow delayed many trains."],
        },
    )

    def _compute(
        self,
        predictions: list[str],
        references: list[list[str]],
        sources: list[str],
        alpha: float = 0.7,
        scores: bool = False,
    ) -> dict[str, Any]:
        human, own = bleu.sentence_bleu(predictions, references), bleu.self_bleu(predictions, sources)
        return metric_modules.results(
            {
                "ibleu": (bleu.ibleu(human, own, alpha), bleu.ibleu_signature(alpha)),
                "bleu": (human, bleu.signature()),
                "self_bleu": (own, bleu.signature()),
            },
            scores,
        )
