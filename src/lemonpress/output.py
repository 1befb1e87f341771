"""Where results go: folders and files that are written whole, and that take the place of earlier results alone."""

import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from lemonpress.errors import UserError


def check_folder(
    folder: Path, names: Collection[str], what: str, *, marker: str | None = None, option: str = "--output"
) -> None:
    """Refuse a folder that results must not go to, before they are made.

    Args:
        folder: New, empty, or of earlier results.
        names: Files that results of this kind have, relative to the folder and divided by ``/``.
        what: The results, with their article, for the error message.
        marker: The one of these files that a folder of earlier results always has; None where a run that was stopped
            leaves some of its files there and goes on.
        option: Of the command line, for the error message.

    Raises:
        UserError: It is a file, a link, the working directory or around it, or the home directory; it holds anything
            else; or it cannot be made.
    """
    where = f"{option} {folder}"
    if folder.is_symlink():
        raise UserError(f"{where}: is a link; name a folder itself")
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{where}: is a file; name a folder")
    place, here = folder.resolve(), Path.cwd().resolve()
    if place in (here, *here.parents, Path.home().resolve()):
        raise UserError(f"{where}: is where you work or live; name a folder of its own")
    around = next(parent for parent in place.parents if parent.exists())
    if not around.is_dir() or not os.access(around, os.W_OK):
        raise UserError(f"{where}: cannot be made in {around}; name another folder")
    if not folder.is_dir():
        return
    known = {PurePosixPath(name) for name in names}
    drafts = {name.with_name(_draft(name.name)) for name in known}  # of a run that was killed while it wrote
    inner = {parent for name in known for parent in name.parents}
    for path in folder.rglob("*"):
        name = PurePosixPath(path.relative_to(folder).as_posix())
        is_folder = path.is_dir() and not path.is_symlink()
        if name not in (inner if is_folder else known | drafts):
            raise UserError(f"{where}: holds {name}, which is no part of {what}; name a new or empty folder")
    if marker is not None and not (folder / marker).is_file() and any(folder.iterdir()):
        raise UserError(f"{where}: holds files but no {marker}; name a new or empty folder")


@contextmanager
def whole_folder(folder: Path, check: Callable[[Path], None]) -> Iterator[Path]:
    """An empty folder to write to, which takes the place of another when all is written.

    Where writing fails, the other one stays as it is; it is removed when the new one is in its place.

    Args:
        folder: To replace or make.
        check: Refuses a folder that must not be replaced; called before and after writing.

    Yields:
        The folder to write to, beside the other one.
    """
    check(folder)
    parent = folder.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=parent))
    new, old = scratch / "new", scratch / "old"
    new.mkdir()
    try:
        yield new
        check(folder)
        if folder.is_dir():
            folder.rename(old)
        try:
            new.rename(folder)
        except OSError:
            if old.is_dir():
                old.rename(folder)
            raise
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        with suppress(OSError):  # it still holds the old folder where that could not be put back
            scratch.rmdir()


def write_whole(file: Path, content: str | bytes) -> None:
    """Write a file in place of another, whole or not at all."""
    draft = file.with_name(_draft(file.name))
    try:
        draft.write_bytes(content.encode() if isinstance(content, str) else content)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def _draft(name: str) -> str:
    return f".{name}.draft"
