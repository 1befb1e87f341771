"""Files that ship with the package: recipes, card templates, the Space, texts, the starter pool."""

from pathlib import Path

from lemonpress.errors import UserError

_PACKAGE = Path(__file__).parent


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
    for root in (_PACKAGE, _PACKAGE / "assets", _PACKAGE.parents[1]):
        if (root / path).exists():
            return root / path
    raise UserError(f"{path}: does not ship with this installation of lemonpress; reinstall the package")
