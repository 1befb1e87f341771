"""From samples to the pool of a context."""

from pathlib import Path

import pyarrow as pa

from lemonpress.recipes import SentenceSettings
from lemonpress.rows import CONTEXTS, content_id
from lemonpress.sentences import press, sample_sentences
from lemonpress.splitting import flaw
from lemonpress.teachers.causal_lm import CausalTeacher


def test_press_merges_duplicates_and_counts_reasons() -> None:
    pool = press(
        [
            " The mayor opened the new bridge. It was",
            ' The mayor opened "the new bridge". It was',
            " THE  MAYOR opened the new bridge! Then he",
            " The clerk closed the old bridge. It was",
            " The mayor opened the new bridge",
            " The mayor left. It was",
            " - The mayor opened the new bridge. It was",
            " The mayor opened <b> the new bridge. It was",
            " The mayor opened (the new bridge. It was",
            "",
        ]
    )
    assert pool.sentences == ["The mayor opened the new bridge.", "The clerk closed the old bridge."]
    assert pool.counts == [3, 1]
    assert pool.dropped == {"fragment": 1, "list": 1, "markup": 1, "unbalanced": 1, "unfinished": 2}


def test_press_of_nothing_is_empty() -> None:
    assert press([]).sentences == []


def contexts(*texts: str) -> pa.Table:
    rows = [{"context_id": content_id(text), "context": text, "domain": "toy"} for text in texts]
    return pa.Table.from_pylist(rows, schema=CONTEXTS)


def test_sampled_rows_account_for_every_sample_and_depend_on_their_context_alone(tiny_causal: Path) -> None:
    teacher = CausalTeacher.load(tiny_causal, "float32", "cpu")
    settings = SentenceSettings(k=30, temperature=1.0, max_new_tokens=40)
    texts = ["The cat saw the dog at noon on 3 May.", "The mayor met the clerk at noon on 9 May."]
    done: list[int] = []
    table = sample_sentences(contexts(*texts), teacher, settings, 0, done.append)
    assert done == [1, 1]
    for row in table.to_pylist():
        assert len(row["sentences"]) == len(row["counts"]) >= 5
        assert sum(row["counts"]) + sum(count for _, count in row["dropped"]) == row["sampled"] == 30
        assert [flaw(sentence) for sentence in row["sentences"]] == [None] * len(row["sentences"])
    swapped = sample_sentences(contexts(*reversed(texts)), teacher, settings, 0, done.append)
    assert swapped.to_pylist() == table.to_pylist()[::-1]
    assert sample_sentences(contexts(texts[0]), teacher, settings, 1, done.append).to_pylist() != table.to_pylist()[:1]
