"""The syntax that a rewriting is asked to follow: of an exemplar or a template, drawn and compared."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from judging import Sentence

from lemonpress.critics.explain import Verdict
from lemonpress.errors import UserError
from lemonpress.students.contract import Contract
from lemonpress.students.linear import user_tree
from lemonpress.syntax.distance import ted_f
from lemonpress.syntax.parsers import Parser, find_parser
from lemonpress.syntax.trees import cut, depths, parse_brackets, to_brackets

EXEMPLARS = (
    "On Monday, the shop was closed by its owner.",
    "Although it rained all day, the match went on.",
    "What the council wants is a new bridge.",
    "There were no trains after midnight.",
    "The driver, who was tired, stopped at the lake.",
    "Nobody knows when the museum will open again.",
)
"""Sentences to follow, each in another syntax."""
TEMPLATE_LEVELS = 3
_TEMPLATES = 6


@dataclass(frozen=True)
class Template:
    """The top of a tree that many rewritings of a corpus have.

    Attributes:
        tree: In brackets.
        example: A sentence that has it.
        rows: How many have it.
    """

    tree: str
    example: str
    rows: int


@dataclass(frozen=True)
class Syntax:
    """What parses for a student.

    Attributes:
        parser: The one that it was trained with.
        contract: The student's.
    """

    parser: Parser
    contract: Contract

    def of_exemplar(self, sentence: str, levels: int) -> str:
        """The top levels of a sentence's tree, in brackets; labels that the student never saw are called other."""
        [tree] = self.parser.parse([sentence])
        return to_brackets(cut(tree, levels))

    def of_template(self, text: str, levels: int) -> str:
        """A tree that somebody gave, in brackets.

        Raises:
            UserError: It is no whole tree, or holds a label that the student never saw.
        """
        return to_brackets(user_tree(text, levels, self.contract.parts))

    def compared(self, found: Sentence, tree: str) -> Sentence:
        """The candidates with their own trees and how far they are from the one that was asked for.

        Those that the critics keep come first, and of these the nearest to the tree.

        Args:
            found: Judged.
            tree: In brackets; candidates are compared down to its deepest level.
        """
        if not found.candidates:
            return found
        asked = parse_brackets(tree)
        levels = max(depths(asked)) + 1
        own = [cut(one, levels) for one in self.parser.parse([one.text for one in found.candidates])]
        apart = ted_f(own, [asked] * len(own)).tolist()
        said = f"edits from the tree that was asked for, of {asked.size} nodes; 0 is the very tree"
        candidates = [
            replace(
                one,
                tree=to_brackets(drawn),
                measures=(Verdict("asked_syntax", float(edits), True, said), *one.measures),
            )
            for one, drawn, edits in zip(found.candidates, own, apart, strict=True)
        ]
        candidates.sort(key=lambda one: (not one.kept, one.measures[0].score))
        return replace(found, candidates=tuple(candidates))


def find_syntax(contract: Contract) -> Syntax | None:
    """What parses for a student, or None: it learnt no trees, or its own parser is not here."""
    if "control" not in contract.tasks or contract.parser is None:
        return None
    try:
        parser = find_parser(contract.parser.split()[0], None, where="parser")
    except UserError as error:
        print(f"paraphraser: no syntactic control: {error}", flush=True)
        return None
    if parser.key != contract.parser:
        print(f"paraphraser: no syntactic control: the student needs {contract.parser}, here is {parser.key}")
        return None
    return Syntax(parser, contract)


def templates(trees: Sequence[str], targets: Sequence[str], contract: Contract) -> list[Template]:
    """The commonest tops of a corpus's trees that a student can read, each with its shortest example.

    Args:
        trees: In brackets.
        targets: The sentence of each.
        contract: The student's.
    """
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for text, target in zip(trees, targets, strict=True):
        top = to_brackets(cut(parse_brackets(text), TEMPLATE_LEVELS))
        counts[top] += 1
        if top not in examples or len(target) < len(examples[top]):
            examples[top] = target
    return [
        Template(top, examples[top], rows)
        for top, rows in counts.most_common()
        if _readable(top, contract) and parse_brackets(top).size > 2
    ][:_TEMPLATES]


def _readable(tree: str, contract: Contract) -> bool:
    try:
        user_tree(tree, None, contract.parts)
    except UserError:
        return False
    return True
