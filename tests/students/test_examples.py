from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from student_rows import ROWS, write_rows

from lemonpress.errors import UserError
from lemonpress.students import contract as contracts
from lemonpress.students.contract import Contract
from lemonpress.students.examples import contract_of, examples, read_rows
from lemonpress.students.linear import delinearise, linearise
from lemonpress.syntax.trees import parse_brackets
from one_line import one_line

TREE = "(S (NP DT NN) (VP VBD))"
CONTROL = {"task": "control", "source": "A cat sat.", "target": "There sat a cat.", "tree": TREE, "parser": "toy 1"}


def test_a_contract_says_what_the_rows_teach() -> None:
    plain = contract_of(ROWS, "causal", 0.0)
    assert (plain.tasks, plain.lengths, plain.parser, plain.parts) == (("paraphrase", "summary"), False, None, ())
    held = contract_of([*ROWS, CONTROL], "seq2seq", 0.5)
    assert (held.tasks, held.lengths, held.parser) == (("paraphrase", "summary", "control"), True, "toy 1")
    assert set(held.parts) == {"S", "NP", "DT", "NN", "VP", "VBD"}


def test_what_a_student_could_do_before_stays() -> None:
    first = contract_of([CONTROL], "causal", 0.0)
    other = {**CONTROL, "tree": "(S (PP IN))"}
    further = contract_of([ROWS[0], other], "causal", 0.0, first)
    assert (further.tasks, further.parts, further.parser) == (("paraphrase", "control"), first.parts, "toy 1")
    asked = examples([other], further, 0.0, 0)[0].prompt
    assert "<tree:other>" in asked or "<tree:PP>" not in asked
    again = contract_of(ROWS[:1], "causal", 0.0, first)
    assert (again.parser, again.tasks) == ("toy 1", ("paraphrase", "control"))
    with pytest.raises(UserError, match="toy 2"):
        contract_of([{**CONTROL, "parser": "toy 2"}], "causal", 0.0, first)


def test_a_share_of_the_summaries_names_their_words() -> None:
    rows = [
        {"task": "summary", "source": f"Sentence {place}.", "target": " ".join(["word"] * (place % 9 + 1))}
        for place in range(400)
    ]
    contract = contract_of(rows, "causal", 0.5)
    made = examples(rows, contract, 0.5, 0)
    named = [place for place, one in enumerate(made) if " in " in one.prompt]
    assert 150 < len(named) < 250
    assert all(f"in {place % 9 + 1} words" in made[place].prompt for place in named)
    assert made == examples(rows, contract, 0.5, 0) != examples(rows, contract, 0.5, 1)
    # A row keeps its prompt whatever stands beside it.
    assert examples(rows[::-1], contract, 0.5, 0) == made[::-1]
    assert not [one for one in examples(rows, contract, 0.0, 0) if " in " in one.prompt]
    assert all(" in " in one.prompt for one in examples(rows, contract, 1.0, 0))


@given(st.integers(0, 10_000))
def test_a_tree_is_shown_whole_or_cut(number: int) -> None:
    contract = contract_of([CONTROL], "causal", 0.0)
    (one,) = examples([{**CONTROL, "source": f"A cat sat {number}."}], contract, 0.0, 0)
    shown = one.prompt.split("Syntax: ")[1].split("\n")[0]
    whole = parse_brackets(TREE)
    assert linearise(delinearise(shown), contract.parts) == shown
    assert delinearise(shown).size <= whole.size


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"tree": None}, "tree"),
        ({"parser": ""}, "parser"),
        ({"tree": "(S (NP"}, "brackets"),
        ({"task": "haiku"}, "haiku"),
        ({"target": " "}, "blank"),
    ],
)
def test_a_bad_row_of_control_is_named(tmp_path: Path, row: dict[str, Any], words: str) -> None:
    file = write_rows(tmp_path / "rows.parquet", [CONTROL, {**CONTROL, **row}])
    with pytest.raises(UserError, match="row 1") as error:
        read_rows(file)
    assert words in one_line(error)


def test_trees_of_two_parsers_are_refused(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "rows.parquet", [CONTROL, {**CONTROL, "parser": "toy 2"}])
    with pytest.raises(UserError, match="toy 1 and toy 2") as error:
        read_rows(file)
    one_line(error)


def test_rows_without_the_columns_of_control_are_read(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), file)
    assert len(read_rows(file)) == len(ROWS)


def test_a_contract_is_read_as_it_was_written(tmp_path: Path) -> None:
    contract = contract_of([*ROWS, CONTROL], "seq2seq", 0.5)
    contracts.write(contract, tmp_path)
    assert contracts.read(tmp_path, "seq2seq") == contract


@pytest.mark.parametrize("text", ["{", "[]", '{"kind": "rnn"}', '{"tasks": ["haiku"], "parts": []}'])
def test_a_damaged_contract_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / contracts.FILE).write_text(text)
    with pytest.raises(UserError, match=r"student\.json") as error:
        contracts.read(tmp_path, "causal")
    one_line(error)


def test_a_student_of_another_kind_than_its_contract_is_refused(tmp_path: Path) -> None:
    contracts.write(Contract(), tmp_path)
    with pytest.raises(UserError, match=r"student\.json"):
        contracts.read(tmp_path, "seq2seq")


def test_what_a_contract_lacks_is_refused() -> None:
    with pytest.raises(UserError, match="paraphrase, summary alone") as error:
        Contract().check("control")
    one_line(error)
    with pytest.raises(UserError, match="length_share") as error:
        Contract().check("summary", words=5)
    one_line(error)
