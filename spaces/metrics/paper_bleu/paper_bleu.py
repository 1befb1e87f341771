"""BLEU as the tables of Impossible Distillation count it."""

from typing import Any

from lemonpress import metric_modules
from lemonpress.metrics import bleu


class PaperBleu(metric_modules.Module):
    """Mean sentence-level BLEU-4."""

    about = metric_modules.About(
        title="Paper BLEU",
        summary="Mean sentence-level BLEU-4 of the paraphrase papers",
        description=(
            "Mean over sentences of BLEU-4 on lower-cased Treebank tokens, with one added to the numerator and the "
            "denominator of every n-gram precision, unigrams too. The brevity penalty takes the reference nearest in "
            "length. A candidate of fewer than four tokens is judged on the n-grams that it has. This is the BLEU "
            "that reproduces the tables of Impossible Distillation (Jung et al. 2024): sources copied unchanged score "
            "44.4 on the 1,147 positive test pairs of MRPC, where corpus sacreBLEU is 47.5."
        ),
        configs={"default": ("predictions", "references")},
        settings={},
        results={"paper_bleu": "0 to 100, higher is nearer to the references"},
        limits=(
            "It is no corpus BLEU: report sacreBLEU beside it to be compared with other work. It rewards copies of "
            "the source wherever references are near to their sources; `ibleu` does not."
        ),
        citation="""@inproceedings{papineni-etal-2002-bleu,
  title     = {{Bleu}: a Method for Automatic Evaluation of Machine Translation},
  author    = {Papineni, Kishore and Roukos, Salim and Ward, Todd and Zhu, Wei-Jing},
  booktitle = {Proceedings of ACL},
  pages     = {311--318},
  year      = {2002},
  url       = {https://aclanthology.org/P02-1040}
}""",
        urls=("https://aclanthology.org/P02-1040", "https://arxiv.org/abs/2305.16635"),
        example={
            "predictions": ["The mayor opened the bridge on Monday.", "Snow delayed many trains."],
            "references": [
                ["On Monday the mayor opened the bridge.", "The bridge was opened."],
                ["Snow delayed trains."],
            ],
        },
    )

    def _compute(self, predictions: list[str], references: list[list[str]], scores: bool = False) -> dict[str, Any]:
        values = bleu.sentence_bleu(predictions, references)
        return metric_modules.results({"paper_bleu": (values, bleu.signature())}, scores)
