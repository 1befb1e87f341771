"""What visitors say of answers: one JSON line each, on the disk before they are thanked."""

import json
import os
import uuid
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from checks import MAX_CHARACTERS
from settings import Settings

from lemonpress.errors import UserError

RATINGS = ("good", "bad")
MAX_WHY = 500
_MAX_BYTES = 50_000_000  # of one start of the Space: what feedback may fill of the disk
_EVERY = 5.0  # minutes between two pushes


@dataclass
class Box:
    """Where feedback goes: a file of this start of the Space, which only grows.

    What is kept is the day, the release, the task, the two texts, the rating and the reason: nothing of who sent it.

    Attributes:
        file: The file.
        release: The student, as `Pinned.as_json` has it.
        scheduler: Pushes the folder to a dataset, or None.
    """

    file: Path
    release: Mapping[str, str]
    scheduler: Any = None
    _lock: Lock = field(default_factory=Lock)

    def put(self, task: object, source: object, text: object, rating: object, why: object = "") -> None:
        """Keep one piece of feedback; it is on the disk when this returns.

        Args:
            task: What was asked for.
            source: What was rewritten; kept with single spaces, as its limit counts them.
            text: The rewriting.
            rating: good or bad.
            why: In words; may be empty.

        Raises:
            UserError: Something is missing or too long, or the box is full.
        """
        if rating not in RATINGS:
            raise UserError("rating: please choose good or bad.")
        row = {
            "day": datetime.now(UTC).date().isoformat(),
            "student": dict(self.release),
            "task": _text(task, "task", 20),
            "source": _text(_one_space(source), "source", MAX_CHARACTERS),
            "text": _text(text, "text", 2 * MAX_CHARACTERS),
            "rating": rating,
            "why": _text(why, "why", MAX_WHY, empty=True),
        }
        line = (json.dumps(row) + "\n").encode()
        pushing = nullcontext() if self.scheduler is None else self.scheduler.lock
        with self._lock, pushing, self.file.open("ab") as stream:
            if stream.tell() + len(line) > _MAX_BYTES:
                raise UserError("Thank you, but the feedback box is full: please tell the owner of this Space.")
            stream.write(line)
            stream.flush()
            os.fsync(stream.fileno())

    def close(self) -> None:
        """Push what was not pushed yet; what cannot be pushed stays in the file, and the log says so."""
        if self.scheduler is None:
            return
        try:
            self.scheduler.trigger().result()
        except _failures() as error:
            print(f"paraphraser: feedback was not pushed ({type(error).__name__}): it is in {self.file}", flush=True)
        self.scheduler.stop()


def open_box(settings: Settings, release: Mapping[str, str]) -> Box:
    """The box that the settings name; where they name a dataset, it is pushed there every few minutes.

    Raises:
        UserError: The folder cannot be made, or the dataset cannot be reached or written.
    """
    folder = settings.feedback
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"LEMONPRESS_FEEDBACK: {folder}: {error.strerror}; name another folder") from None
    scheduler = None if settings.feedback_dataset is None else _scheduler(settings.feedback_dataset, folder)
    return Box(folder / f"feedback-{uuid.uuid4().hex}.jsonl", release, scheduler)


def _scheduler(dataset: str, folder: Path) -> Any:
    from huggingface_hub import CommitScheduler

    try:
        return CommitScheduler(
            repo_id=dataset,
            repo_type="dataset",
            folder_path=folder,
            every=_EVERY,
            path_in_repo="data",
            allow_patterns="*.jsonl",
            private=True,
        )
    except _failures() as error:
        raise UserError(
            f"LEMONPRESS_FEEDBACK_DATASET: {dataset} cannot be written ({type(error).__name__}); "
            "set HF_TOKEN to a token that may"
        ) from None


def _failures() -> tuple[type[Exception], ...]:
    """What a Hub that cannot be written raises."""
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

    return HfHubHTTPError, LocalTokenNotFoundError, httpx.TransportError


def _one_space(value: object) -> object:
    return " ".join(value.split()) if isinstance(value, str) else value


def _text(value: object, name: str, most: int, empty: bool = False) -> str:
    if not isinstance(value, str) or not (empty or value.strip()):
        raise UserError(f"{name}: please send text.")
    if len(value) > most:
        raise UserError(f"{name}: please keep to {most:,} characters.")
    return value.encode("utf-8", "replace").decode()
