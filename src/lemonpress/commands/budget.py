"""Budgets on the command line, for every program that may ask a teacher on a server."""

import argparse
from typing import TYPE_CHECKING

from lemonpress.errors import UserError
from lemonpress.recipes import ChatTeacherSettings, Recipe

if TYPE_CHECKING:
    from lemonpress.teachers.chat_api import Limit


def add_budget_arguments(parser: argparse.ArgumentParser) -> None:
    """What a teacher on a server may cost."""
    parser.add_argument(
        "--budget", type=float, metavar="DOLLARS", help="of a teacher on a server: stop before more is spent in all"
    )
    parser.add_argument("--token-budget", type=int, metavar="N", help="likewise, in tokens read and written")


def limit_from_arguments(args: argparse.Namespace, recipe: Recipe) -> "Limit":
    """The budget that the command line sets.

    Raises:
        UserError: One is set, and the recipe's teacher is on no server.
    """
    from lemonpress.teachers.chat_api import Limit

    given = "--budget" if args.budget is not None else "--token-budget" if args.token_budget is not None else None
    if given and not isinstance(recipe.teacher, ChatTeacherSettings):
        raise UserError(f"{args.config}: {given} goes with a teacher on a server, and this one is none; remove it")
    return Limit(args.budget, args.token_budget)
