"""Whether a student follows what it is asked: the tree of a target, and the number of words of a summary.

Control: for each row of a corpus's test split, the tree edit distance from the parse of what is written to the tree
that was asked for, against the same student's uncontrolled paraphrases and against copies of the source. Lengths: for
each row of a summary corpus, the words written when the target's number of words is named, and when it is not.
Texts are written greedily; intervals are 95 % bootstrap over rows.

python benchmarks/student_control.py --student runs/control/merged --control corpora/families-control
python benchmarks/student_control.py --student runs/student/merged --summary corpora/dimsum-study
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from lemonpress.console import run_program
from lemonpress.metrics import bleu
from lemonpress.metrics.bootstrap import interval
from lemonpress.students.generate import Student
from lemonpress.students.linear import linearise
from lemonpress.syntax.distance import ted_3, ted_f
from lemonpress.syntax.parsers import find_parser
from lemonpress.syntax.trees import cut, parse_brackets

SEED = 0


def main() -> int:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--student", type=Path, required=True, help="publishable tree of a student")
    parser.add_argument("--control", type=Path, help="folder of a corpus with the configuration control")
    parser.add_argument("--summary", type=Path, help="folder of a summary corpus")
    parser.add_argument("--count", type=int, default=200, help="rows at most (default: 200)")
    args = parser.parse_args()
    return run_program(parser.prog, lambda: _measure(args))


def _measure(args: argparse.Namespace) -> int:
    student = Student.load(args.student)
    if args.control:
        _control(student, args.control / "control" / "test.parquet", args.count)
    if args.summary:
        _lengths(student, args.summary / "summary" / "test.parquet", args.count)
    return 0


def _control(student: Student, file: Path, count: int) -> None:
    rows = pq.read_table(file).to_pylist()[:count]
    sources, targets = [row["source"] for row in rows], [row["target"] for row in rows]
    trees = [parse_brackets(row["tree"]) for row in rows]
    tops = [cut(tree, 3) for tree in trees]
    parts = student.contract.parts
    written = {
        "the source, copied": sources,
        "uncontrolled": _texts(student.generate("paraphrase", sources, greedy=True)),
        "full tree": _texts(
            student.generate("control", sources, greedy=True, trees=[linearise(tree, parts) for tree in trees])
        ),
        "top 3 levels": _texts(
            student.generate("control", sources, greedy=True, trees=[linearise(tree, parts) for tree in tops])
        ),
        "the target itself": targets,
    }
    parser = find_parser(str(student.contract.parser).split()[0], None)
    print(f"control, n = {len(rows)}")
    print("| written with | TED-F to the tree | TED-3 | same tree % | BLEU to the target | self-BLEU |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, texts in written.items():
        parsed = parser.parse([text or "." for text in texts])
        same = [100.0 * (one == tree) for one, tree in zip(parsed, trees, strict=True)]
        likeness = bleu.sentence_bleu(texts, [[target] for target in targets])
        cells = [ted_f(parsed, trees), ted_3(parsed, trees), same, likeness, bleu.self_bleu(texts, sources)]
        print(f"| {name} | {' | '.join(_shown(np.asarray(cell)) for cell in cells)} |")


def _lengths(student: Student, file: Path, count: int) -> None:
    rows = pq.read_table(file).to_pylist()[:count]
    print(f"lengths, n = {len(rows)}")
    print("| prompt | words written | off by | exactly % | within two % |")
    print("| --- | ---: | ---: | ---: | ---: |")
    sources = [row["source"] for row in rows]
    wanted = np.array([len(row["target"].split()) for row in rows])
    free = _texts(student.generate("summary", sources, greedy=True))
    named, nearest = [""] * len(rows), [""] * len(rows)
    for words in np.unique(wanted):
        places = np.flatnonzero(wanted == words)
        asked = [sources[place] for place in places]
        greedy = student.generate("summary", asked, greedy=True, words=int(words))
        chosen = student.summarise(asked, words=int(words))
        for place, one, other in zip(places, greedy, chosen, strict=True):
            named[place], nearest[place] = one[0], other[0] if other else ""
    ways = (("no number", free), ("the target's number", named), ("the same, nearest of 4 samples", nearest))
    for name, answers in ways:
        counts = np.array([len(text.split()) for text in answers])
        off = np.abs(counts - wanted)
        cells = [counts, off, 100.0 * (off == 0), 100.0 * (off <= 2)]
        print(f"| {name} | {' | '.join(_shown(np.asarray(cell)) for cell in cells)} |")


def _texts(written: Sequence[Sequence[str]]) -> list[str]:
    return [texts[0] for texts in written]


def _shown(values: np.ndarray) -> str:
    mean, low, high = interval(values, SEED)
    return f"{mean:.1f} [{low:.1f}, {high:.1f}]"


if __name__ == "__main__":
    sys.exit(main())
