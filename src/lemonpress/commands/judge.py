"""``lemonpress judge``: a language model rates or compares what systems wrote, and is measured against people."""

import argparse
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from lemonpress.errors import UserError
from lemonpress.recipes import Task

if TYPE_CHECKING:
    from lemonpress.evaluation.llm_comparing import Comparison
    from lemonpress.evaluation.llm_judge import Judge, Prediction
    from lemonpress.metrics.bootstrap import Estimate
    from lemonpress.tables import Table

_ABOUT = """\
A language model behind any OpenAI-compatible server judges what systems wrote.

  lemonpress judge rate predictions.parquet --task paraphrase \\
      --base-url http://localhost:8000/v1 --model Qwen/Qwen2.5-32B-Instruct --output judged
  lemonpress judge compare predictions.parquet --systems student teacher --task paraphrase \\
      --base-url ... --model ... --output compared
  lemonpress judge agreement people.jsonl judged/ratings.jsonl

rate       each text from 1 to 3: fluent, faithful, dissimilar (paraphrases) or concise (summaries)
compare    two systems' texts for the same source, in both orders; a win counts where the orders agree
agreement  of people with each other, and of models with people
"""
_PREDICTIONS = """\
PREDICTIONS is a table with the columns system, source and candidate: JSON lines, CSV, TSV or Parquet, a dataset's
folder or a Hub id. The server's key, where it wants one, is read from OPENAI_API_KEY. The number of requests is
printed before the first is sent. An answer that is not in the format is asked for once more, then left out and
counted. Stopped half-way, the same command goes on.
"""
_RATE = f"""\
Rate each text from 1 (not at all) to 3 (fully): fluent, faithful, and dissimilar (paraphrase) or concise (summary).
Equal texts for a source are rated once, whoever wrote them.

{_PREDICTIONS}
OUTPUT gets ratings.jsonl (a row for each text), judge.json and judge.md (mean of each system, with intervals), and
ratings.asked.json: what asked, so that another model or prompt does not go on in the same folder.
"""
_COMPARE = f"""\
Choose the better of two systems' texts for the same source, twice, with the order swapped. A system wins where both
orders agree; otherwise it is a tie, and counts towards the position bias.

{_PREDICTIONS}
OUTPUT gets comparisons.jsonl (a row for each pair), compare.json and compare.md (win rates and position bias), and
comparisons.asked.json: what asked, so that another model or prompt does not go on in the same folder.
"""
_AGREEMENT = """\
Krippendorff's alpha of the human raters, by criterion and over all; and for each model, on the items that people have
rated too: how often it is within half a point of their mean, the rank correlation with it, and alpha with the model as
one more rater.

RATINGS are JSON lines as `lemonpress judge rate` and the annotation Space write them: item, source, candidate,
systems, task, rater, kind (human or model), and 1, 2 or 3 for each criterion.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The three actions and what each needs."""
    parser.description = _ABOUT
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text, about in (("rate", "rate texts", _RATE), ("compare", "compare systems", _COMPARE)):
        action = actions.add_parser(
            name, help=text, description=about, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        action.add_argument("predictions", metavar="PREDICTIONS", help="table of system, source and candidate")
        action.add_argument("--task", choices=get_args(Task), required=True, help="what the texts are")
        action.add_argument("--base-url", required=True, metavar="URL", help="of the server, as a rule ending in /v1")
        action.add_argument("--model", required=True, metavar="NAME", help="as the server names it")
        action.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder to write or go on in")
        action.add_argument(
            "--systems",
            nargs="+",
            default=[],
            required=name == "compare",
            metavar="NAME",
            help="two or more" if name == "compare" else "only these (default: all)",
        )
        action.add_argument("--count", type=int, metavar="N", help="sources, drawn at random (default: all)")
        action.add_argument("--seed", type=int, default=0, help="of that choice (default 0)")
        action.add_argument("--rater", metavar="NAME", help="of the judge in the rows (default: the model's)")
        action.add_argument("--workers", type=int, default=16, metavar="N", help="questions at a time (default 16)")
    action = actions.add_parser(
        "agreement",
        help="measure how far raters agree",
        description=_AGREEMENT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    action.add_argument("ratings", nargs="+", type=Path, metavar="RATINGS", help="JSON lines, people's and models'")
    action.add_argument("--output", type=Path, metavar="FILE", help="also write the figures there, as JSON")


def run(args: argparse.Namespace) -> int:
    """Rate, compare or measure agreement."""
    return {"rate": _rate, "compare": _compare, "agreement": _agreement}[args.action](args)


def _rate(args: argparse.Namespace) -> int:
    from lemonpress.evaluation.agreement import interval
    from lemonpress.evaluation.llm_judge import prompt_signature
    from lemonpress.evaluation.llm_rating import rate, rating_prompt, system_means
    from lemonpress.markdown import literal

    predictions, opened, judge = _inputs(args)
    ratings, unread = rate(predictions, judge, args.output / "ratings.jsonl", _announce(args, "texts", 1))
    means = system_means(predictions, ratings, args.task)
    criteria = list(next(iter(means.values())))
    rows = [["System", "n", *(f"{name} ↑" for name in criteria)]]
    for system, by_criterion in means.items():
        n = next(iter(by_criterion.values()))[1]
        rows.append([literal(system), f"{n:,}", *(_cell(one) for one, _ in by_criterion.values())])
    signature = prompt_signature(rating_prompt(args.task))
    report = {
        **_provenance(args, opened, signature),
        "texts": len(ratings),
        "unread": unread,
        "systems": {
            system: {name: {**(interval(one) or {}), "n": n} for name, (one, n) in by_criterion.items()}
            for system, by_criterion in means.items()
        },
    }
    legend = "Means of ratings from 1 to 3 [95 % bootstrap interval over texts]."
    _write(args.output, "judge", rows, legend, report, f"answers not read: {unread:,}")
    return 0


def _compare(args: argparse.Namespace) -> int:
    from lemonpress.evaluation.agreement import interval
    from lemonpress.evaluation.llm_comparing import compare, comparing_prompt
    from lemonpress.evaluation.llm_judge import prompt_signature

    predictions, opened, judge = _inputs(args)
    found = compare(predictions, judge, args.output / "comparisons.jsonl", _announce(args, "pairs", 2))
    head = ["A", "B", "A wins", "ties", "B wins", "win rate of A", "p", "moved with the order", "chose the first"]
    rows = [head, *(_comparison_row(one) for one in found)]
    report = {
        **_provenance(args, opened, prompt_signature(comparing_prompt(args.task))),
        "comparisons": [
            {
                "one": one.one,
                "other": one.other,
                "wins": one.wins,
                "ties": one.ties,
                "losses": one.losses,
                "equal": one.equal,
                "unread": one.unread,
                "win_rate": interval(one.win_rate),
                "p": one.p,
                "moved": _number(one.moved),
                "first": _number(one.first),
            }
            for one in found
        ],
    }
    legend = (
        "A win is a verdict that both orders give; ties count half in the win rate [95 % bootstrap interval]. "
        "p: sign test over wins. Moved with the order: share of pairs whose verdict changed when they were swapped. "
        "Chose the first: share of answers, 50 % without a leaning."
    )
    unread = sum(one.unread for one in found)
    equal = sum(one.equal for one in found)
    _write(args.output, "compare", rows, legend, report, f"pairs not read: {unread:,}; ties of equal texts: {equal:,}")
    return 0


def _agreement(args: argparse.Namespace) -> int:
    from lemonpress.evaluation.agreement import agreement, figures, report
    from lemonpress.evaluation.ratings import read_ratings
    from lemonpress.output import write_whole

    if args.output is not None and not args.output.resolve().parent.is_dir():
        raise UserError(f"{args.output}: its folder does not exist; make it or name another --output")
    found = agreement(read_ratings(args.ratings))
    print(report(found), end="")
    if args.output is not None:
        write_whole(args.output, _json(figures(found)))
    return 0


def _inputs(args: argparse.Namespace) -> "tuple[list[Prediction], Table, Judge]":
    from lemonpress.asking.chat import Chat
    from lemonpress.evaluation.llm_judge import Judge, asked_beside, read_predictions, sample_sources
    from lemonpress.output import check_folder

    for name, value in (("--count", args.count), ("--workers", args.workers)):
        if value is not None and value < 1:
            raise UserError(f"{name}: is {value}; give 1 or more")
    if args.seed < 0:
        raise UserError(f"--seed: is {args.seed}; give 0 or more")
    answers = (Path("ratings.jsonl"), Path("comparisons.jsonl"))
    reports = (f"{name}.{ending}" for name in ("judge", "compare") for ending in ("json", "md"))
    check_folder(
        args.output, [*map(str, answers), *(asked_beside(one).name for one in answers), *reports], "judgements"
    )
    predictions, opened = read_predictions(args.predictions, args.systems)
    chat = Chat(args.base_url, args.model, os.environ.get("OPENAI_API_KEY"))
    args.output.mkdir(parents=True, exist_ok=True)
    judge = Judge(chat, args.rater or args.model, args.task, args.workers)
    return sample_sources(predictions, args.count, args.seed), opened, judge


def _announce(args: argparse.Namespace, what: str, each: int) -> Callable[[int, int], None]:
    def announce(known: int, todo: int) -> None:
        print(
            f"{what} to judge: {todo:,}; judged before: {known:,}; requests to {args.model} at {args.base_url}: "
            f"{each * todo:,}, and one more for each answer that is not in the format",
            flush=True,
        )

    return announce


def _provenance(args: argparse.Namespace, opened: "Table", signature: str) -> dict[str, Any]:
    return {
        "task": args.task,
        "rater": args.rater or args.model,
        "model": args.model,
        "signature": signature,
        "predictions": opened.identity,
        "count": args.count,
        "seed": args.seed,
    }


def _comparison_row(one: "Comparison") -> list[str]:
    from lemonpress.markdown import literal

    shares = ["–" if math.isnan(share) else f"{100 * share:.0f} %" for share in (one.moved, one.first)]
    counts = [f"{count:,}" for count in (one.wins, one.ties, one.losses)]
    return [literal(one.one), literal(one.other), *counts, _cell(one.win_rate), f"{one.p:.2g}", *shares]


def _write(
    folder: Path, name: str, rows: Sequence[list[str]], legend: str, report: Mapping[str, Any], counts: str
) -> None:
    from lemonpress.markdown import literal, table
    from lemonpress.output import write_whole

    lines = [
        *table(rows),
        "",
        legend,
        "",
        f"Judge: {literal(report['rater'])}, `{report['signature']}`; {counts}.",
    ]
    text = "\n".join(lines) + "\n"
    write_whole(folder / f"{name}.md", text)
    write_whole(folder / f"{name}.json", _json(report))
    print(f"\n{text}\n{folder}: {name}.md, {name}.json")


def _cell(one: "Estimate | None") -> str:
    return "–" if one is None else f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]"


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
