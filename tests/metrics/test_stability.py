from collections.abc import Sequence

import pytest

from lemonpress.metrics.bleu import self_bleu
from lemonpress.metrics.stability import drift, drift_signature

SOURCES = ["a b c d", "one two", "x"]


def shorten(texts: Sequence[str]) -> list[str]:
    """Drops the last word of texts that have more than one."""
    return [" ".join(text.split()[:-1]) if " " in text else text for text in texts]


def test_each_round_rewrites_the_one_before() -> None:
    rounds = drift(shorten, SOURCES, 3, self_bleu)
    assert [found.texts for found in rounds] == [["a b c", "one", "x"], ["a b", "one", "x"], ["a", "one", "x"]]
    for found, before in zip(rounds, [SOURCES, rounds[0].texts, rounds[1].texts], strict=True):
        assert found.to_source.tolist() == self_bleu(found.texts, SOURCES).tolist()
        assert found.to_previous.tolist() == self_bleu(found.texts, before).tolist()
    assert [found.unchanged for found in rounds] == pytest.approx([1 / 3, 2 / 3, 2 / 3])
    assert rounds[0].to_source[0] > rounds[1].to_source[0] > rounds[2].to_source[0]


def test_a_system_that_copies_does_not_drift() -> None:
    for found in drift(lambda texts: [text.upper() for text in texts], SOURCES, 2, self_bleu):
        assert found.to_source.tolist() == found.to_previous.tolist() == pytest.approx([100, 100, 100])
        assert found.unchanged == 1


def test_what_cannot_drift_is_refused() -> None:
    with pytest.raises(ValueError, match="no sources"):
        drift(shorten, [], 1, self_bleu)
    with pytest.raises(ValueError, match="rounds is 0"):
        drift(shorten, SOURCES, 0, self_bleu)
    with pytest.raises(ValueError, match=r"^source of row 1 is None"):
        drift(shorten, ["a", None], 1, self_bleu)  # type: ignore[list-item]


def test_a_system_that_leaves_texts_out_is_named_by_round() -> None:
    with pytest.raises(ValueError, match=r"^round 2: the system wrote 2 texts for 3$"):
        drift(lambda texts: ["a b", "", "c"] if "x" in texts else list(texts)[:2], SOURCES, 2, self_bleu)
    with pytest.raises(ValueError, match=r"^round 1: text of row 2 is None"):
        drift(lambda texts: ["a", "b", None], SOURCES, 2, self_bleu)  # type: ignore[list-item]


def test_signature_names_rounds_and_similarity() -> None:
    assert drift_signature(5, "cosine|model:m") == "drift|rounds:5|similarity:(cosine|model:m)"
