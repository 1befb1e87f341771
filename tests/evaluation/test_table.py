import pytest

from lemonpress.evaluation.scoring import Score
from lemonpress.evaluation.table import render, render_transposed

COPY = [Score("BLEU", 44.386, 43.35, 45.44, 1147, "bleu-a"), Score("iBLEU", -0.04, -1.26, 0.04, 1147, "ibleu")]
STUDENT = [Score("BLEU", 5.0, 4.0, 6.0, 1147, "bleu-a"), Score("Perplexity", 41.25, 40.0, 123.4, 1140, "ppl")]


def test_table_reads_well_as_markdown_and_as_text() -> None:
    assert render({"Copy-Input": COPY, "Student | v1": STUDENT}) == (
        "| System        |     n |            BLEU ↑ |         iBLEU ↑ |                 Perplexity ↓ |\n"
        "|---------------|------:|------------------:|----------------:|-----------------------------:|\n"
        "| Copy-Input    | 1,147 | 44.4 [43.4, 45.4] | 0.0 [-1.3, 0.0] |                            – |\n"
        "| Student \\| v1 | 1,147 |    5.0 [4.0, 6.0] |               – | 41.2 [40.0, 123.4] (n 1,140) |\n"
        "\n"
        "Cells are mean [95 % bootstrap interval over sentences]; ↑ higher is better, ↓ lower is better.\n"
        "\n"
        "- BLEU: `bleu-a`\n"
        "- iBLEU: `ibleu`\n"
        "- Perplexity: `ppl`\n"
    )


def test_ratios_keep_two_digits_and_other_metrics_get_no_arrow() -> None:
    table = render({"A": [Score("Compression", 0.314, 0.30, 0.32, 9, "c"), Score("Drift", 1.0, 1.0, 1.0, 9, "d")]})
    assert "0.31 [0.30, 0.32]" in table
    header = [cell.strip() for cell in table.splitlines()[0].split("|")]
    assert header == ["", "System", "n", "Compression ↓", "Drift", ""]


def test_differing_signatures_are_all_listed() -> None:
    other = [Score("BLEU", 1.0, 1.0, 1.0, 5, "bleu-b")]
    table = render({"A": COPY[:1], "B": other})
    assert table.count("- BLEU: ") == 2


@pytest.mark.parametrize("results", [{}, {"A": []}])
def test_nothing_to_show_is_refused(results: dict[str, list[Score]]) -> None:
    with pytest.raises(ValueError, match="at least one score"):
        render(results)


def test_metrics_are_chosen_as_far_as_there_are_any() -> None:
    header = render({"Copy-Input": COPY, "Student": STUDENT}, ["Perplexity", "ROUGE-L", "BLEU"]).splitlines()[0]
    assert [cell.strip() for cell in header.split("|")] == ["", "System", "n", "Perplexity ↓", "BLEU ↑", ""]


def test_many_metrics_become_rows() -> None:
    lines = render_transposed({"Copy-Input": COPY, "Student": STUDENT}).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[:5]]
    assert cells[0] == ["Metric", "Copy-Input (n 1,147)", "Student (n 1,147)"]
    assert cells[2:] == [
        ["BLEU ↑", "44.4 [43.4, 45.4]", "5.0 [4.0, 6.0]"],
        ["iBLEU ↑", "0.0 [-1.3, 0.0]", "–"],
        ["Perplexity ↓", "–", "41.2 [40.0, 123.4] (n 1,140)"],
    ]
