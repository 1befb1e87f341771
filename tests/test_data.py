"""The packaged texts keep the promises that `src/lemonpress/data/README.md` makes."""

import gzip
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from lemonpress.assets import find_file
from lemonpress.existing import read_pairs
from lemonpress.personal_data import find
from lemonpress.recipes import PairRows
from lemonpress.recipes.rewriting import SourceSentences
from lemonpress.source_sentences import read_sentences

DATA = Path(__file__).resolve().parents[1] / "src" / "lemonpress" / "data"
DOMAINS = ("news", "business", "science", "health", "technology", "sports", "travel", "history", "local")
NUMBER = re.compile(r"\d+(?:[.,:-]\d+)*")
SENTENCE_END = re.compile(r"[.!?](?=\s+[A-Z0-9]|$)")


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


PARAGRAPHS = read("paragraphs.jsonl")
HELDOUT = read("heldout.jsonl")


def texts_of(row: dict[str, Any]) -> list[str]:
    return [row["text"]] if "text" in row else [row["source"], *row["paraphrases"], row["summary"]]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def ngrams(text: str, n: int) -> set[tuple[str, ...]]:
    tokens = words(text)
    return {tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)}


def test_counts_per_domain() -> None:
    assert Counter(row["domain"] for row in PARAGRAPHS) == dict.fromkeys(DOMAINS, 40)
    expected = dict.fromkeys(DOMAINS, 13) | dict.fromkeys(("news", "business", "local"), 14)
    assert Counter(row["domain"] for row in HELDOUT) == expected


def test_fields() -> None:
    assert all(list(row) == ["id", "domain", "text"] for row in PARAGRAPHS)
    assert all(list(row) == ["id", "domain", "source", "paraphrases", "summary"] for row in HELDOUT)
    assert all(len(row["paraphrases"]) == 2 for row in HELDOUT)


def test_ids_and_texts_are_unique() -> None:
    rows = PARAGRAPHS + HELDOUT
    texts = [" ".join(words(text)) for row in rows for text in texts_of(row)]
    assert len({row["id"] for row in rows}) == len(rows)
    assert len(set(texts)) == len(texts)


def is_plain_prose(text: str) -> bool:
    """One line of balanced ASCII prose without markup that starts like a sentence and ends with a full stop."""
    return (
        text.isascii()
        and text.isprintable()
        and text == " ".join(text.split())
        and text.count('"') % 2 == 0
        and text.count("(") == text.count(")")
        and re.search(r"[*_#`\[\]{}<>]", text) is None
        and re.match(r"[A-Z0-9$]", text) is not None
        and text.endswith(".")
    )


def test_every_text_is_plain_prose() -> None:
    assert [text for row in PARAGRAPHS + HELDOUT for text in texts_of(row) if not is_plain_prose(text)] == []


def test_paragraph_lengths() -> None:
    assert [row["id"] for row in PARAGRAPHS if not 45 <= len(row["text"].split()) <= 90] == []
    assert [row["id"] for row in PARAGRAPHS if not 2 <= len(SENTENCE_END.findall(row["text"])) <= 4] == []


def test_heldout_texts_are_single_sentences_of_the_promised_length() -> None:
    assert [text for row in HELDOUT for text in texts_of(row) if len(SENTENCE_END.findall(text)) != 1] == []
    assert [row["id"] for row in HELDOUT if not 16 <= len(row["source"].split()) <= 32] == []


def test_summaries_are_short_and_no_copies() -> None:
    for row in HELDOUT:
        assert len(row["summary"].split()) < 0.6 * len(row["source"].split()), row["id"]
        assert row["summary"].rstrip(".") not in row["source"], row["id"]


def test_references_keep_numbers() -> None:
    for row in HELDOUT:
        source = set(NUMBER.findall(row["source"]))
        for paraphrase in row["paraphrases"]:
            assert set(NUMBER.findall(paraphrase)) == source, row["id"]
        assert set(NUMBER.findall(row["summary"])) <= source, row["id"]


def test_paraphrases_keep_names() -> None:
    # The first word is capitalised whatever it is, so a name there is not looked for.
    for row in HELDOUT:
        names = [name.removesuffix("'s") for name in re.findall(r"(?<!^)\b[A-Z][\w'-]+", row["source"])]
        for paraphrase in row["paraphrases"]:
            assert [name for name in names if name not in paraphrase] == [], row["id"]


def test_paraphrases_are_reworded() -> None:
    for row in HELDOUT:
        source, first, second = (ngrams(text, 3) for text in (row["source"], *row["paraphrases"]))
        for one, other in ((first, source), (second, source), (first, second)):
            assert len(one & other) / len(one | other) < 0.4, row["id"]


def test_the_two_files_share_no_8_grams() -> None:
    seen = {gram for row in PARAGRAPHS for gram in ngrams(row["text"], 8)}
    for row in HELDOUT:
        assert not any(ngrams(text, 8) & seen for text in texts_of(row)), row["id"]


SENTENCES = read("sentences.jsonl")


def test_sentences_to_rewrite_are_kept_as_they_stand() -> None:
    settings = SourceSentences(source="sentences", path="data/sentences.jsonl")
    table = read_sentences(settings, "pool", find_file)
    assert table["context"].to_pylist() == [row["text"] for row in SENTENCES]
    assert table["domain"].to_pylist() == [row["domain"] for row in SENTENCES]
    assert Counter(row["domain"] for row in SENTENCES) == {
        "news": 749,
        "questions": 648,
        "knowledge": 600,
        "everyday": 600,
        "news openings": 600,
    }
    assert [row["text"] for row in SENTENCES if find(row["text"])] == []


def test_sentences_to_rewrite_share_no_8_grams() -> None:
    of_sentences = [ngrams(row["text"], 8) for row in SENTENCES]
    assert len(set().union(*of_sentences)) == sum(map(len, of_sentences))
    of_heldout = {gram for row in HELDOUT for text in texts_of(row) for gram in ngrams(text, 8)}
    assert not of_heldout & set().union(*of_sentences)


def test_rewritings_are_of_the_sentences_that_ship() -> None:
    content = gzip.decompress((DATA / "rewritten.jsonl.gz").read_bytes()).decode()
    rows = [json.loads(line) for line in content.splitlines()]
    assert all(list(row) == ["source", "rewritings", "task", "domain"] for row in rows)
    domains = {row["text"]: row["domain"] for row in SENTENCES}
    assert all(domains[row["source"]] == row["domain"] for row in rows)
    assert len({row["source"] for row in rows}) == 2557
    assert Counter(row["task"] for row in rows) == {"paraphrase": 2550, "summary": 2547}
    assert sum(len(row["rewritings"]) for row in rows) == 12094
    assert all(len(set(row["rewritings"])) == len(row["rewritings"]) > 0 for row in rows)
    settings = PairRows(source="pairs", path="data/rewritten.jsonl.gz", target_column="rewritings")
    assert read_pairs(settings, "pool", find_file).num_rows == 2557
