import bert_score as package
import nltk
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tiny_encoders import save_tiny_encoder

from lemonpress.metrics.bertscore import load_encoder
from lemonpress.metrics.encoders import TokenEncoder
from lemonpress.metrics.parascore import WEIGHT, divergence, parascore, parascore_signature
from lemonpress.sources import resolve

CANDIDATES = ["The bridge was opened by the mayor.", "A frog lives there.", "It rained.", "It rained all day long."]
SOURCES = ["The mayor opened the bridge.", "A frog lives there!", "It rained.", "The rain did not stop."]
REFERENCES = ["The mayor has opened a bridge.", "There lives a frog.", "Rain fell.", "It rained all day."]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> TokenEncoder:
    return load_encoder(resolve(str(save_tiny_encoder("roberta", tmp_path_factory.mktemp("tiny")))), 2, "cpu")


@pytest.fixture(scope="module")
def scorer(encoder: TokenEncoder, tmp_path_factory: pytest.TempPathFactory) -> package.BERTScorer:
    folder = save_tiny_encoder("roberta", tmp_path_factory.mktemp("again"))
    return package.BERTScorer(model_type=str(folder), num_layers=2, device="cpu")


def toolkit_divergence(candidate: str, source: str) -> float:
    """As the authors' toolkit (parascore 1.0.5) has it, which divides by zero where both texts are empty."""
    distance = nltk.edit_distance(candidate, source) / max(len(candidate), len(source), 1)
    return 0.35 if distance >= 0.35 else -1 + (0.35 + 1) / 0.35 * distance


def test_with_references_it_is_the_toolkits_score(encoder: TokenEncoder, scorer: package.BERTScorer) -> None:
    near = np.maximum(scorer.score(CANDIDATES, SOURCES)[2], scorer.score(CANDIDATES, REFERENCES)[2]).numpy()
    far = [toolkit_divergence(candidate, source) for candidate, source in zip(CANDIDATES, SOURCES, strict=True)]
    scores = parascore(CANDIDATES, SOURCES, [[reference] for reference in REFERENCES], encoder)
    np.testing.assert_allclose(scores, near + 0.05 * np.array(far), atol=1e-5)


def test_without_references_the_source_stands_alone(encoder: TokenEncoder, scorer: package.BERTScorer) -> None:
    near = scorer.score(CANDIDATES, SOURCES)[2].numpy()
    scores = parascore(CANDIDATES, SOURCES, None, encoder)
    np.testing.assert_allclose(scores, near + WEIGHT * divergence(CANDIDATES, SOURCES), atol=1e-5)
    assert scores[2] == pytest.approx(1 - WEIGHT, abs=1e-5)  # a copy


@given(st.lists(st.tuples(st.text("ab é", max_size=9), st.text("ab é", max_size=9))))
@example([("", ""), ("", "a"), ("a", "a"), ("abcdefghij" * 2, "abcdefghij" + "x" * 10), ("🍋é", "🍋e")])
def test_divergence_is_the_toolkits(pairs: list[tuple[str, str]]) -> None:
    values = divergence([y for y, _ in pairs], [x for _, x in pairs])
    assert values.tolist() == pytest.approx([toolkit_divergence(y, x) for y, x in pairs])
    assert values.shape == (len(pairs),)


def test_rows_that_cannot_be_scored_are_named(encoder: TokenEncoder) -> None:
    with pytest.raises(ValueError, match="1 candidates but 2 sources"):
        parascore(["a"], ["a", "b"], None, encoder)
    with pytest.raises(ValueError, match="2 candidates but 1 reference lists"):
        parascore(["a", "b"], ["a", "b"], [["a"]], encoder)
    with pytest.raises(ValueError, match="row 0 has no reference"):
        parascore(["a"], ["b"], [[]], encoder)


def test_the_signature_names_form_weight_and_encoder(encoder: TokenEncoder) -> None:
    assert parascore_signature(encoder, referenced=True).startswith(
        "ParaScore|against:source, references|weight:0.05|"
    )
    free = parascore_signature(encoder, referenced=False)
    assert free.startswith("ParaScore|against:source|")
    assert "|BERTScore|encoder:" in free
