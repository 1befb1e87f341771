"""Whether texts keep the meaning of their sources, by a natural-language-inference model."""

from typing import Any

from lemonpress import metric_modules
from lemonpress.critics import classification
from lemonpress.metrics import entailment


class Entailment(metric_modules.Module):
    """Entailment both ways, as probabilities and as rates."""

    about = metric_modules.About(
        title="Entailment",
        summary="Whether text and source entail each other, by NLI",
        description=(
            "Probability of a natural-language-inference model that the source entails the prediction, and that the "
            "prediction entails the source; the share of rows where the first reaches a threshold (faithful: a "
            "summary should), and where both do (equivalent: a paraphrase should). A text entails itself, and a blank "
            "prediction nothing."
        ),
        configs={"default": ("predictions", "sources")},
        settings={
            "threshold": "probability from which on a row counts; 0.75 is that of Impossible Distillation's critics",
            "nli": "a sequence classifier with a label called entailment: a Hub id, a folder that begins with ./ or "
            "data/nli-critic, the small model that ships with lemonpress",
            "nli_revision": "commit, tag or branch of a Hub id",
        },
        results={
            "entailed": "share of rows, 0 to 1, higher is more faithful",
            "entailed_both_ways": "share of rows, 0 to 1, higher is nearer in meaning",
            "forward": "mean p(source entails prediction), 0 to 1",
            "backward": "mean p(prediction entails source), 0 to 1",
        },
        limits=(
            "It is as good as its model: the one that ships is small and made for offline use; the papers use "
            "alisawuffles/roberta-large-wanli. A system whose training data this model filtered is judged by its own "
            "teacher. Long texts are cut at the model's longest input."
        ),
        citation="""@inproceedings{liu-etal-2022-wanli,
  title     = {{WANLI}: Worker and {AI} Collaboration for Natural Language Inference Dataset Creation},
  author    = {Liu, Alisa and Swayamdipta, Swabha and Smith, Noah A. and Choi, Yejin},
  booktitle = {Findings of EMNLP},
  year      = {2022},
  url       = {https://arxiv.org/abs/2201.05955}
}""",
        urls=("https://arxiv.org/abs/2305.16635", "https://arxiv.org/abs/2201.05955"),
        example={
            "predictions": ["On Monday the mayor opened the new bridge.", "Many trains were on time."],
            "sources": ["The mayor opened the new bridge on Monday.", "Snow delayed many trains."],
        },
    )

    def _compute(
        self,
        predictions: list[str],
        sources: list[str],
        threshold: float = entailment.THRESHOLD,
        nli: str = metric_modules.NLI,
        nli_revision: str | None = None,
        scores: bool = False,
    ) -> dict[str, Any]:
        judge = metric_modules.nli_model(nli, nli_revision)
        classifier = classification.load(judge.model)
        forward, backward = entailment.entailment(predictions, sources, classifier, judge.label)
        entailed, both = entailment.entailed(forward, backward, threshold)
        model = judge.model.name
        rate = entailment.entailment_signature(model, judge.name, threshold)
        probability = entailment.entailment_signature(model, judge.name, None)
        return metric_modules.results(
            {
                "entailed": (entailed, rate),
                "entailed_both_ways": (both, rate),
                "forward": (forward, probability),
                "backward": (backward, probability),
            },
            scores,
        )
