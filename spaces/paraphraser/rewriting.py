"""A released student at work: pinned, sentence by sentence, one at a time, what was asked before from memory."""

import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Condition, Lock
from typing import Any

from checks import Ask, Passage
from judging import Panel, Sentence, panel
from settings import Named

from lemonpress.errors import UserError
from lemonpress.hub.load import snapshot
from lemonpress.recipes import Recipe, StudentTask, Task
from lemonpress.recipes.load import check
from lemonpress.students.generate import Student
from lemonpress.students.linear import linearise
from lemonpress.syntax.trees import parse_brackets
from syntax import Syntax, find_syntax

_MAX_NEW_TOKENS = 96  # a sentence of 60 words, with room
_SPARE_TOKENS = 12
_REMEMBERED = 2048


class _Turns:
    """A lock that is given in the order in which it was asked for.

    A plain one is mostly taken again by the thread that gave it back.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._asked = self._served = 0

    def __enter__(self) -> None:
        with self._changed:
            mine = self._asked
            self._asked += 1
            self._changed.wait_for(lambda: self._served == mine)

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._served += 1
            self._changed.notify_all()


_loading = Lock()  # from_pretrained changes PyTorch's default type for the whole process while it runs
_turn = _Turns()  # one sentence at a time, whichever student writes it: two at once would slow each other down


@dataclass(frozen=True)
class Pinned:
    """A student of one release.

    Attributes:
        name: Repository and version.
        commit: Of that release.
        student: The model.
    """

    name: Named
    commit: str
    student: Student

    def as_json(self) -> dict[str, str]:
        """Which release it is."""
        return {"id": self.name.repo_id, "version": self.name.version, "commit": self.commit}


@dataclass
class Rewriter:
    """A student, who judges it, and its latest answers.

    Attributes:
        pinned: The release.
        panels: Who judges each task; a task that is missing is not offered.
        syntax: What parses for the task control, or None.
        on_gpu: Wraps what the models do; for Spaces that lend a GPU for each call.
    """

    pinned: Pinned
    panels: Mapping[Task, Panel]
    syntax: Syntax | None = None
    on_gpu: Callable[[Callable[..., Any]], Callable[..., Any]] = lambda function: function
    _known: "OrderedDict[tuple[str, Ask], Sentence]" = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._ask = self.on_gpu(self._write_and_judge)

    @property
    def tasks(self) -> tuple[StudentTask, ...]:
        """What can be asked for: what the student learnt, and somebody judges."""
        order: tuple[StudentTask, ...] = ("paraphrase", "control", "summary")
        known = set(self.pinned.student.contract.tasks)
        if self.syntax is None:
            known.discard("control")
        return tuple(task for task in order if task in known and judged_as(task) in self.panels)

    @property
    def lengths(self) -> bool:
        """Whether the student learnt to write summaries of a given length."""
        return "summary" in self.tasks and self.pinned.student.contract.lengths

    def check_task(self, task: object) -> StudentTask:
        """A task that is offered.

        Raises:
            UserError: It is none of them; names those that are.
        """
        found = next((known for known in self.tasks if known == task), None)
        if found is None:
            raise UserError(f"task: please choose {' or '.join(self.tasks)}.")
        return found

    def rewrite(self, text: Passage, wanted: Ask) -> Iterator[Sentence]:
        """Rewrite a text sentence by sentence; the same call gives the same answer.

        Others' sentences may be written in between, so a short text does not wait for the end of a long one.

        Args:
            text: Checked.
            wanted: Checked.
        """
        for source in text.sentences:
            yield self.sentence(source, wanted)

    def sentence(self, source: str, wanted: Ask) -> Sentence:
        """Rewrite one sentence and judge its candidates, or remember what that gave."""
        key = (source, wanted)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        with _turn:
            found: Sentence = self._ask(source, wanted)
        with self._lock:
            self._known[key] = found
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found

    def write(self, source: str, wanted: Ask) -> list[str]:
        """The samples of a sentence, copies, repetitions and empty ones among them."""
        student = self.pinned.student
        length = len(student.tokenizer(source)["input_ids"])
        most = length if wanted.task == "summary" else 3 * length // 2  # the critics reject what is longer
        parts = student.contract.parts
        followed = None if wanted.tree is None else [linearise(parse_brackets(wanted.tree), parts)]
        [written] = student.generate(
            wanted.task,
            [source],
            n=wanted.n,
            temperature=wanted.temperature,
            max_new_tokens=min(_MAX_NEW_TOKENS, most + _SPARE_TOKENS),
            trees=followed,
            words=wanted.words,
        )
        return written

    def judge(self, source: str, written: Sequence[str], wanted: Ask) -> Sentence:
        """What the critics say of samples, those first that are nearest to what was asked for."""
        found = self.panels[judged_as(wanted.task)].judge(source, written)
        if wanted.words is not None:
            return nearest_first(found, wanted.words)
        if wanted.tree is not None and self.syntax is not None:
            return self.syntax.compared(found, wanted.tree)
        return found

    def _write_and_judge(self, source: str, wanted: Ask) -> Sentence:
        return self.judge(source, self.write(source, wanted), wanted)


def judged_as(task: StudentTask) -> Task:
    """The task whose critics judge another: a rewriting in a given syntax is a paraphrase."""
    return "summary" if task == "summary" else "paraphrase"


def nearest_first(found: Sentence, words: int) -> Sentence:
    """Candidates that the critics keep come first, and of these the nearest to a number of words."""
    order = sorted(found.candidates, key=lambda one: (not one.kept, abs(len(one.text.split()) - words)))
    return replace(found, candidates=tuple(order))


def pin(name: Named, endpoint: str | None = None) -> Pinned:
    """Load a released student.

    Args:
        name: The release.
        endpoint: Address of the Hub; ``HF_ENDPOINT``, else the public one, if None.

    Raises:
        UserError: There is no such release.
    """
    return _pinned(name, snapshot(name.repo_id, name.version, endpoint))


def _pinned(name: Named, folder: Path) -> Pinned:
    with _loading:
        return Pinned(name, folder.name, Student.load(folder))


def load(
    name: Named, endpoint: str | None = None, on_gpu: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None
) -> tuple[Rewriter, Path]:
    """Load a released student, and from its provenance the critics.

    Args:
        name: The release.
        endpoint: As for `pin`.
        on_gpu: As in `Rewriter`.

    Returns:
        The student at work, and the folder of its release.

    Raises:
        UserError: There is no such release, or it does not say how it was made.
    """
    try:
        folder = snapshot(name.repo_id, name.version, endpoint)
    except UserError as error:
        raise UserError(f"{error}; the demo makes this release: run make demo first") from None
    panels: dict[Task, Panel] = {}
    for corpus in _recipe(folder, name.repo_id).corpora.values():
        if corpus.task not in panels:
            panels[corpus.task] = panel(corpus.task, corpus.critics)
    pinned = _pinned(name, folder)
    wrap = (lambda function: function) if on_gpu is None else on_gpu
    return Rewriter(pinned, panels, find_syntax(pinned.student.contract), wrap), folder


def _recipe(folder: Path, repo_id: str) -> Recipe:
    file = folder / "provenance.json"
    if not file.is_file():
        raise UserError(f"{repo_id}: its release has no provenance.json, so its critics are unknown; release it again")
    return check(json.loads(file.read_text(encoding="utf-8"))["recipe"], f"{repo_id}: recipe of provenance.json")
