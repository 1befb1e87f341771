"""Cosine of sentence embeddings, by any sentence encoder."""

from typing import Any

from lemonpress import metric_modules
from lemonpress.metrics import similarity


class SentenceSimilarity(metric_modules.Module):
    """Cosine of the embeddings of prediction and source."""

    about = metric_modules.About(
        title="Sentence similarity",
        summary="Cosine of sentence embeddings of text and source",
        description=(
            "Cosine of the sentence embeddings of a prediction and its source, averaged over pairs: the Cosine Sim of "
            "ParaAMR and of Table 1 of Impossible Distillation, which give it times 100. The encoder is any model "
            "that sentence-transformers saved, or a plain checkpoint such as those of SimCSE, pooled as its authors "
            "do."
        ),
        configs={"default": ("predictions", "sources")},
        settings={
            "sentence_encoder": "a Hub id, a folder that begins with ./ or a package:NAME",
            "sentence_encoder_revision": "commit, tag or branch of a Hub id",
            "pooling": "of a plain checkpoint: cls or pooler; by default as the authors of SimCSE use theirs",
        },
        results={"cosine": "-1 to 1, higher is nearer"},
        limits=(
            "The papers name no checkpoint. Encoders see negation, numbers and names badly, and a copy scores 1: it "
            "is no measure of paraphrase quality by itself."
        ),
        citation="""@inproceedings{gao-etal-2021-simcse,
  title     = {{SimCSE}: Simple Contrastive Learning of Sentence Embeddings},
  author    = {Gao, Tianyu and Yao, Xingcheng and Chen, Danqi},
  booktitle = {Proceedings of EMNLP},
  pages     = {6894--6910},
  year      = {2021},
  url       = {https://aclanthology.org/2021.emnlp-main.552}
}""",
        urls=("https://arxiv.org/abs/2104.08821", "https://arxiv.org/abs/2305.16585"),
        example={
            "predictions": ["On Monday the mayor opened the new bridge.", "A frog lives in the desert."],
            "sources": ["The mayor opened the new bridge on Monday.", "Snow delayed many trains."],
        },
    )

    def _compute(
        self,
        predictions: list[str],
        sources: list[str],
        sentence_encoder: str = metric_modules.SENTENCE_ENCODER,
        sentence_encoder_revision: str | None = None,
        pooling: similarity.Pooling | None = None,
        scores: bool = False,
    ) -> dict[str, Any]:
        encoder = metric_modules.sentence_encoder(sentence_encoder, sentence_encoder_revision, pooling)
        values = similarity.cosine(predictions, sources, encoder)
        return metric_modules.results({"cosine": (values, similarity.cosine_signature(encoder))}, scores)
