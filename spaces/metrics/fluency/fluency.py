"""Fluency: perplexity of a causal language model, and acceptability by a classifier."""

from typing import Any

from lemonpress import metric_modules
from lemonpress.critics import classification
from lemonpress.metrics import fluency as metrics


class Fluency(metric_modules.Module):
    """Perplexity and acceptability."""

    about = metric_modules.About(
        title="Fluency",
        summary="Perplexity by a causal LM, grammatical acceptability",
        description=(
            "Perplexity: exp of the mean negative log-likelihood of a text's own tokens by a causal language model, "
            "each text read alone after the tokenizer's BOS (or EOS) token, averaged over texts. Acceptability, where "
            "a classifier is named: the probability that it, such as a CoLA model, gives to its label for a "
            "grammatical sentence."
        ),
        configs={"default": ("predictions",)},
        settings={
            "fluency": "a causal language model: Hub id, folder (./NAME) or package:NAME; None leaves perplexity out",
            "fluency_revision": "commit, tag or branch of a Hub id",
            "dtype": "of the causal language model's weights: float32, bfloat16, float16 or auto",
            "batch_size": "texts that the causal language model reads at once",
            "acceptability": "a text classifier, named in the same way; None leaves acceptability out",
            "acceptability_revision": "commit, tag or branch of a Hub id",
            "acceptability_label": "the classifier's label for a grammatical sentence",
        },
        results={
            "perplexity": "from 1, lower is more fluent",
            "acceptability": "0 to 1, higher is more acceptable; only where a classifier is named",
        },
        limits=(
            "Perplexity depends on the model and its tokenizer, favours frequent words and long texts, and is low for "
            "repeated phrases. Texts must fit the model's context. Rows without a token have none."
        ),
        citation="""@article{warstadt-etal-2019-neural,
  title   = {Neural Network Acceptability Judgments},
  author  = {Warstadt, Alex and Singh, Amanpreet and Bowman, Samuel R.},
  journal = {Transactions of the Association for Computational Linguistics},
  volume  = {7},
  pages   = {625--641},
  year    = {2019},
  url     = {https://aclanthology.org/Q19-1040}
}""",
        urls=("https://aclanthology.org/Q19-1040",),
        example={"predictions": ["The mayor opened the new bridge.", "Bridge new the opened mayor the."]},
    )

    def _compute(
        self,
        predictions: list[str],
        fluency: str | None = metric_modules.FLUENCY,
        fluency_revision: str | None = None,
        dtype: str = "float32",
        batch_size: int = 16,
        acceptability: str | None = None,
        acceptability_revision: str | None = None,
        acceptability_label: str = metric_modules.ACCEPTABLE,
        scores: bool = False,
    ) -> dict[str, Any]:
        if fluency is None and acceptability is None:
            raise ValueError("fluency and acceptability name no model; give at least one")
        rows = {}
        if fluency is not None:
            name, model, tokenizer = metric_modules.causal_model(fluency, fluency_revision, dtype)
            values = metrics.perplexity(predictions, model, tokenizer, batch_size)
            rows["perplexity"] = (values, metrics.signature(name, model, tokenizer))
        if acceptability is not None:
            judge = metric_modules.acceptability_model(acceptability, acceptability_revision, acceptability_label)
            values = metrics.acceptability(predictions, classification.load(judge.model), judge.label)
            signature = metrics.acceptability_signature(judge.model.name, judge.name)
            rows["acceptability"] = (values, signature)
        return metric_modules.results(rows, scores)
