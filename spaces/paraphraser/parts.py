"""What the tabs and endpoints of the Space share."""

from dataclasses import dataclass

from checks import LEVELS, MAX_TREE_CHARACTERS, Ask, Passage, ask, integer, one_sentence, passage
from comparing import Shelf
from exploring import Library
from feedback import Box
from rewriting import Rewriter

from lemonpress.errors import UserError
from lemonpress.recipes import StudentTask
from syntax import Template

STUDENT_QUEUE = "student"
"""Events that write share a queue: up to `AT_ONCE` of them are under way, a sentence at a time."""
AT_ONCE = 4


@dataclass(frozen=True)
class Parts:
    """Everything behind the page.

    Attributes:
        rewriter: The Space's own student.
        shelf: Students to compare.
        library: Corpora to read.
        templates: Trees to follow.
        box: Where feedback goes.
        endpoint: Address of the Hub, for links.
    """

    rewriter: Rewriter
    shelf: Shelf
    library: Library
    templates: tuple[Template, ...]
    box: Box
    endpoint: str

    def asked(
        self,
        text: object,
        task: StudentTask,
        n: object,
        temperature: object,
        words: object = None,
        tree: str | None = None,
    ) -> tuple[Passage, Ask]:
        """A request of the Space's own student, checked.

        Raises:
            UserError: Something is missing or out of range.
        """
        found = passage(text)
        wanted = ask(task, n, temperature, words, tree, len(found.sentences))
        if wanted.words is not None and not self.rewriter.lengths:
            raise UserError("words: this student was not trained on summaries of a given length.")
        return found, wanted

    def tree(self, exemplar: object, tree: object, levels: object) -> str:
        """The tree to follow, in brackets: of an exemplar, or given.

        Raises:
            UserError: Neither or both are given, or the tree is none.
        """
        assert self.rewriter.syntax is not None
        depth = integer(levels, "levels", LEVELS, "levels")
        given = [isinstance(one, str) and bool(one.strip()) for one in (exemplar, tree)]
        if given[0] == given[1]:
            raise UserError("Please give either an exemplar sentence or a tree.")
        if given[0]:
            return self.rewriter.syntax.of_exemplar(one_sentence(exemplar, "exemplar"), depth)
        if len(str(tree)) > MAX_TREE_CHARACTERS:
            raise UserError(f"tree: please keep to {MAX_TREE_CHARACTERS:,} characters.")
        return self.rewriter.syntax.of_template(str(tree), depth)
