"""Ratings on the disk: what is lost (nothing), what is counted, and who may do what."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from small_studies import SCORES, distinct, rate_all, small_study

from lemonpress.annotation import store as store_module
from lemonpress.annotation.collect import collect, rows_of
from lemonpress.annotation.store import FILE, MAX_NAME, Store
from lemonpress.annotation.study import as_json
from lemonpress.errors import UserError

_RATE_FOR_EVER = """
import sys
from pathlib import Path
from lemonpress.annotation.store import Store
from lemonpress.annotation.study import read_study
store = Store(Path(sys.argv[1]), read_study(Path(sys.argv[2])))
code = store.enter(sys.argv[3])
while (shown := store.next(code)) is not None or store.another(code):
    if shown is not None:
        store.rate(code, shown.showing, {"fluent": 1 + shown.showing % 3, "faithful": 2, "dissimilar": 3})
        print(shown.showing, flush=True)
"""


def _raters(store: Store) -> dict[str, int]:
    """People who rated each item at its first showing."""
    return Counter(item for item, _ in {(row["item"], row["rater"]) for row in store.rows() if not row["repeat"]})


def test_a_kill_loses_nothing(tmp_path: Path) -> None:
    study = small_study(distinct(300, 2), batch=600)
    (tmp_path / "study.json").write_text(as_json(study))
    said: list[int] = []
    for run in range(3):
        started = subprocess.Popen(
            [sys.executable, "-c", _RATE_FOR_EVER, tmp_path / "ratings", tmp_path / "study.json", f"rater {run}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert started.stdout is not None
        said.append(int(started.stdout.readline()))  # it has begun
        time.sleep(0.2 + 0.1 * run)
        os.kill(started.pid, signal.SIGKILL)
        said += map(int, started.stdout.read().splitlines())
        started.wait()
    rows = Store(tmp_path / "ratings", study).rows()
    kept = {row["showing"]: row["fluent"] for row in rows}
    assert len(said) > 10
    assert set(said) <= set(kept)
    assert all(kept[showing] == 1 + showing % 3 for showing in said)
    # At most the one rating is there whose writer had no time to say so.
    assert len(kept) <= len(said) + 3
    with sqlite3.connect(tmp_path / "ratings" / FILE) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_raters_at_once_rate_each_text_as_often_as_wanted(tmp_path: Path) -> None:
    study = small_study(distinct(24, 2), batch=8, raters_per_item=2)
    store = Store(tmp_path, study)

    def sit(number: int) -> None:
        rate_all(store, f"rater {number}", texts=8)

    with ThreadPoolExecutor(12) as raters:  # 12 batches of 8 texts are 2 for each of 48 texts
        list(raters.map(sit, range(12)))
    assert set(_raters(store).values()) == {2}
    assert len(_raters(store)) == 48


def test_processes_share_a_store(tmp_path: Path) -> None:
    study = small_study(distinct(6, 2), batch=12)
    (tmp_path / "study.json").write_text(as_json(study))
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _RATE_FOR_EVER, tmp_path / "ratings", tmp_path / "study.json", f"rater {run}"],
            stdout=subprocess.DEVNULL,
        )
        for run in range(2)
    ]
    assert [one.wait(timeout=120) for one in started] == [0, 0]
    assert set(_raters(Store(tmp_path / "ratings", study)).values()) == {2}


def test_what_somebody_is_at_work_on_is_given_to_others_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = small_study(distinct(4, 1), batch=2, raters_per_item=1)
    store = Store(tmp_path, study)
    codes = [store.enter(name) for name in ("Ada", "Ben")]
    texts = [{_text(store, code, place) for place in (1, 2)} for code in codes]
    assert texts[0] | texts[1] == {one.candidate for one in study.items}
    assert store.progress(store.enter("Cem")).total == 2  # all is held, and more ratings do no harm

    late = Store(tmp_path / "late", study)
    monkeypatch.setattr(store_module, "LEASE", -1.0)  # whoever has begun is away
    ada = late.enter("Ada")
    rate_all(late, "Ben", texts=1)
    assert late.progress(ada).total == 2
    assert sorted(_raters(late).values()) == [1]
    wanted = {one.item for one in study.items} - set(_raters(late))
    cem = late.enter("Cem")
    given = {shown.item.item for place in (1, 2) if (shown := late.at(cem, place)) is not None}
    assert given <= wanted


def _text(store: Store, code: str, place: int) -> str:
    shown = store.at(code, place)
    assert shown is not None
    return shown.item.candidate


def test_a_correction_counts_and_the_first_answer_stays(tmp_path: Path) -> None:
    store = Store(tmp_path, small_study(distinct(2, 1)))
    code = store.enter("Ada")
    shown = store.next(code)
    assert shown is not None
    assert shown.scores is None
    store.rate(code, shown.showing, SCORES)
    store.rate(code, shown.showing, SCORES)  # the same again is no correction
    store.rate(code, shown.showing, {**SCORES, "fluent": 1})
    again = store.at(code, 1)
    assert again is not None
    assert again.scores == {**SCORES, "fluent": 1}
    assert [row["fluent"] for row in store.rows()] == [3, 1]
    assert store.progress(code).done == 1


def test_a_rater_comes_back_where_they_were(tmp_path: Path) -> None:
    study = small_study(distinct(5, 2), repeated=0.2)
    code = rate_all(Store(tmp_path, study), "Ada", texts=4)
    store = Store(tmp_path, study)  # as after a restart
    assert store.enter(f" {code.lower()} ") == code
    assert store.enter(code.replace("-", "")) == code
    progress, shown = store.progress(code), store.next(code)
    assert (progress.done, progress.total, progress.rated, progress.more) == (4, 12, 4, False)
    assert shown is not None
    assert shown.place == 5


def test_repeats_are_kept_apart(tmp_path: Path) -> None:
    store = Store(tmp_path, small_study(distinct(10, 1), repeated=0.2))
    rate_all(store, "Ada")
    repeats = [row["item"] for row in store.rows() if row["repeat"]]
    assert len(repeats) == 2
    assert len(store.rows()) == 12


def test_the_file_holds_neither_names_nor_codes(tmp_path: Path) -> None:
    store = Store(tmp_path, small_study(distinct(2, 1)))
    code = rate_all(store, "Ada Lovelace")
    held = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for secret in ("Ada", "Lovelace", code, code.replace("-", "")):
        assert secret.encode() not in held
    assert code not in json.dumps(store.rows())
    assert tmp_path.joinpath(FILE).exists()


@pytest.mark.parametrize("entered", ["", "   ", "x" * (MAX_NAME + 1), "a\x00b", "half \ud800", None, 7, ["Ada"]])
def test_what_is_no_name_is_refused(tmp_path: Path, entered: object) -> None:
    with pytest.raises(UserError, match="Please enter a name or a code"):
        Store(tmp_path, small_study(distinct(1, 1))).enter(entered)


def test_names_and_codes_are_checked(tmp_path: Path) -> None:
    store = Store(tmp_path, small_study(distinct(1, 1)))
    rate_all(store, "Ada", texts=1)
    with pytest.raises(UserError, match="Someone has begun under this name"):
        store.enter("  ADA ")
    for code in ("22222-22222", "", "\ud800"):
        with pytest.raises(UserError, match="No rater has this code"):
            store.progress(code)
    with pytest.raises(UserError, match="No rater has this code"):
        store.enter("22222-22222")


def test_names_that_look_like_codes_can_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path, small_study(distinct(1, 1)))
    drawn = iter("BERNADETTE" + "BERNADETT2")
    monkeypatch.setattr(store_module.secrets, "choice", lambda _: next(drawn))
    assert store.enter("Bernadette") == "BERNA-DETT2"
    assert store.enter("berna-dett2") == "BERNA-DETT2"


def test_a_name_that_rated_nothing_may_begin_again(tmp_path: Path) -> None:
    study = small_study(distinct(4, 1), batch=2, raters_per_item=1)
    store = Store(tmp_path, study)
    lost = store.enter("Ada")
    code = rate_all(store, " ada", texts=1)
    assert code != lost
    assert store.progress(code).rated == 1
    with pytest.raises(UserError, match="No rater has this code"):
        store.progress(lost)
    with pytest.raises(UserError, match="Someone has begun under this name"):
        store.enter("Ada")
    ben = store.enter("Ben")  # what the lost code held is free
    assert {_text(store, one, place) for one in (code, ben) for place in (1, 2)} == {
        one.candidate for one in study.items
    }


def test_another_batch_is_asked_for_twice_and_given_once(tmp_path: Path) -> None:
    store = Store(tmp_path, small_study(distinct(4, 1), batch=2))
    code = rate_all(store, "Ada", texts=2)
    assert store.another(code)
    assert store.another(code)
    assert (store.progress(code).done, store.progress(code).total, store.progress(code).more) == (0, 2, False)


def test_the_last_correction_counts_when_the_clock_is_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study(distinct(1, 1))
    store = Store(tmp_path, study)
    code = rate_all(store, "Ada", texts=1)
    shown = store.at(code, 1)
    assert shown is not None
    monkeypatch.setattr(store_module, "_now", lambda: datetime(2020, 1, 1, tzinfo=UTC))
    for fluent in (1, 2):
        store.rate(code, shown.showing, {**SCORES, "fluent": fluent})
    times = [row["at"] for row in store.rows()]
    assert times == sorted(set(times))
    for rows in (list(rows_of(store)), list(rows_of(store))[::-1]):
        assert [one.scores["fluent"] for one in collect(study, rows, None).ratings] == [2]


def test_only_what_was_shown_is_rated_and_only_on_the_scale(tmp_path: Path) -> None:
    store = Store(tmp_path, small_study(distinct(3, 1)))
    ada, ben = store.enter("Ada"), store.enter("Ben")
    hers, his = store.next(ada), store.next(ben)
    assert hers is not None
    assert his is not None
    for showing in (his.showing, 10**30, "1", True, None):
        with pytest.raises(UserError, match="you were not shown text"):
            store.rate(ada, showing, SCORES)
    for scores, words in (
        ({"fluent": 3}, "has no faithful, dissimilar"),
        ({**SCORES, "fluent": 4}, "fluent is 4; write 1, 2 or 3"),
        ({**SCORES, "fluent": True}, "fluent is True"),
        ({**SCORES, "fluent": 2.0}, "fluent is 2.0"),
        ({**SCORES, "system": 1}, "and nothing else"),
        ([3, 3, 3], "give a mapping"),
    ):
        with pytest.raises(UserError, match=words):
            store.rate(ada, hers.showing, scores)
    assert store.rows() == []


def test_another_studys_ratings_and_other_files_are_refused(tmp_path: Path) -> None:
    Store(tmp_path / "one", small_study(distinct(1, 1)))
    with pytest.raises(UserError, match="has the ratings of study"):
        Store(tmp_path / "one", small_study(distinct(2, 1)))
    (tmp_path / FILE).write_text("this is no database, however long it may be" * 50)
    with pytest.raises(UserError, match="cannot be used"):
        Store(tmp_path, small_study(distinct(1, 1)))
