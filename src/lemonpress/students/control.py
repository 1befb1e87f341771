"""The syntax that a rewriting is asked to follow: trees, templates and exemplars in a student's own tokens."""

from collections.abc import Sequence

from lemonpress.errors import UserError
from lemonpress.students.contract import Contract
from lemonpress.students.linear import linearise, user_tree
from lemonpress.syntax.parsers import Parser, find_parser
from lemonpress.syntax.trees import cut


def linearised(text: str, levels: int | None, contract: Contract) -> str:
    """A tree or template that somebody typed, as the student reads it.

    Args:
        text: In brackets, without words.
        levels: Levels to keep; all of them if None.
        contract: The student's.

    Raises:
        UserError: It is no whole tree, or holds a label that the student never saw.
    """
    return linearise(user_tree(text, levels, contract.parts), contract.parts)


def follow(
    exemplars: Sequence[str], levels: int | None, contract: Contract, parser: Parser | None = None
) -> list[str]:
    """The syntax of sentences, as the student reads it.

    Args:
        exemplars: Sentences, none of them blank.
        levels: Levels of their trees to keep; all of them if None.
        contract: The student's.
        parser: What parses them; by default the packaged pipeline, or Stanza's English one.

    Raises:
        UserError: An exemplar is blank, or the parser is another than the student was trained with.
    """
    blank = [place for place, sentence in enumerate(exemplars) if not sentence.strip()]
    if blank:
        raise UserError(f"exemplars: number {blank[0]} is blank; give a sentence to follow")
    if parser is None:
        assert contract.parser is not None
        parser = find_parser(contract.parser.split()[0], None, where="parser")
    if parser.key != contract.parser:
        raise UserError(
            f"parser: the student was trained on trees of {contract.parser}, these would be of {parser.key}; "
            "give its own parser"
        )
    trees = parser.parse(exemplars)
    return [linearise(tree if levels is None else cut(tree, levels), contract.parts) for tree in trees]
