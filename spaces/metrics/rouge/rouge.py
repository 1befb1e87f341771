"""ROUGE-1, ROUGE-2 and ROUGE-L, equal to the rouge-score package."""

from typing import Any

from lemonpress import metric_modules
from lemonpress.metrics import rouge


class Rouge(metric_modules.Module):
    """ROUGE F1 of each prediction against its best reference."""

    about = metric_modules.About(
        title="ROUGE",
        summary="Words, word pairs and sequences shared with references",
        description=(
            "F1 of the unigrams (ROUGE-1), the bigrams (ROUGE-2) and the longest common subsequence (ROUGE-L) of a "
            "prediction and its best reference, averaged over sentences. Tokens are lower-cased runs of a-z and 0-9, "
            "not stemmed unless asked. Equal to the rouge-score package on every input, and faster."
        ),
        configs={"default": ("predictions", "references")},
        settings={"stem": "compare Porter stems, as evaluations of controlled paraphrasing do (SGCP)"},
        results={
            "rougeL": "0 to 1, higher is nearer",
            "rouge1": "0 to 1, higher is nearer",
            "rouge2": "0 to 1, higher is nearer",
        },
        limits="It is for English: other letters than a-z are not seen. It rewards copied words, not meaning.",
        citation="""@inproceedings{lin-2004-rouge,
  title     = {{ROUGE}: A Package for Automatic Evaluation of Summaries},
  author    = {Lin, Chin-Yew},
  booktitle = {Text Summarization Branches Out},
  pages     = {74--81},
  year      = {2004},
  url       = {https://aclanthology.org/W04-1013}
}""",
        urls=("https://aclanthology.org/W04-1013", "https://pypi.org/project/rouge-score"),
        example={
            "predictions": ["The mayor opens the bridge.", "Snow delays trains."],
            "references": [["The mayor opened the new bridge.", "The bridge is open."], ["Trains delayed by snow."]],
        },
    )

    def _compute(
        self, predictions: list[str], references: list[list[str]], stem: bool = False, scores: bool = False
    ) -> dict[str, Any]:
        found = rouge.rouge_multi(predictions, references, stem)
        kinds = ("rougeL", "rouge1", "rouge2")
        return metric_modules.results({kind: (found[kind], rouge.signature(kind, stem)) for kind in kinds}, scores)
