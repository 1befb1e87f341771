"""Files that ship with the package: recipes, card templates, the Space, texts, the starter pool."""

from pathlib import Path

from lemonpress.errors import UserError

_PACKAGE = Path(__file__).parent
_ROOTS = (_PACKAGE, _PACKAGE / "assets", _PACKAGE.parents[1])


def asset(path: str) -> Path:
    """Locate a shipped file or folder.

    Args:
        path: Relative path as in the repository, for example ``cards/dataset_card.md.jinja``, or a path inside
            ``lemonpress/data`` as ``data/paragraphs.jsonl``.

    Returns:
        The file in the installed wheel, or in the repository for an editable install.

    Raises:
        UserError: The file does not ship with this installation.
    """
    for root in _ROOTS:
        if (root / path).exists():
            return root / path
    raise UserError(f"{path}: does not ship with this installation of lemonpress; reinstall the package")


def find_file(path: str) -> Path:
    """A file that a recipe or command line names.

    Args:
        path: Relative to the working directory; ``data/NAME`` also names a file that ships, where there is none here.
    """
    if not path.startswith("data/") or Path(path).exists():
        return Path(path)
    return next((root / path for root in _ROOTS if (root / path).exists()), Path(path))
