"""Ratings into a Hub dataset, every few minutes."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lemonpress.annotation.store import Store
from lemonpress.annotation.study import Study
from lemonpress.errors import UserError
from lemonpress.output import write_whole

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from huggingface_hub import CommitInfo, HfApi

_CARD = """\
---
configs:
- config_name: default
  data_files:
  - split: train
    path: ratings/*.jsonl
tags:
- human-evaluation
- {task}
---

# Ratings of the study {name}

What raters said, one row each time, as it was given: of equal `showing` and `rater` the last row counts, and `repeat`
marks a text that the rater had rated before. Raters are pseudonyms. Nothing here tells which system wrote a text:
`lemonpress annotation results` joins these rows with the study's key.
"""


def pushing(
    store: Store, study: Study, folder: Path, token: str | None, endpoint: str | None = None
) -> "AbstractContextManager[None]":
    """Push the ratings to the study's dataset while the block runs, and a last time when it ends.

    Each store has a file of its own there, so that several Spaces can push to one dataset. A push that fails, the last
    one too, is a line on stderr that names the store's file; the next one has its ratings too. A dataset that does not
    exist is made, private; one that is there stays as it is, and is warned about where it is public.

    Args:
        store: Whose ratings.
        study: Says where and how often; nothing is pushed where it names no dataset.
        folder: For copies of what is pushed, and for nothing else.
        token: That may write to the dataset.
        endpoint: Address of the Hub; that of ``HF_ENDPOINT`` if None.

    Raises:
        UserError: There is no token, or the Hub or the dataset cannot be written to.
    """
    if study.ratings_dataset is None:
        return nullcontext()
    if not token:
        raise UserError(f"ratings_dataset {study.ratings_dataset}: no token; set HF_TOKEN to one that may write there")
    from huggingface_hub import HfApi

    return _pushing(store, study, study.ratings_dataset, folder, HfApi(endpoint, token))


@contextmanager
def _pushing(store: Store, study: Study, repo_id: str, folder: Path, api: "HfApi") -> Iterator[None]:
    from huggingface_hub import CommitScheduler
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # httpx or httpx2, by major version

    file = folder / "ratings" / f"{store.name}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    (folder / "README.md").write_text(_CARD.format(task=study.task, name=study.name), encoding="utf-8")

    class Scheduler(CommitScheduler):
        def push_to_hub(self) -> "CommitInfo | None":
            try:
                rows = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in store.rows())
                if rows and (not file.is_file() or file.read_bytes() != rows.encode()):
                    write_whole(file, rows)
                return super().push_to_hub() if rows else None
            except Exception as error:  # whatever it is, raters go on, and the store has all they said
                _say(f"{repo_id} did not get the last ratings ({type(error).__name__}); all are in {store.file}")
                return None

    settings: dict[str, Any] = {"every": study.every, "private": True, "ignore_patterns": ".*"}
    try:
        scheduler = Scheduler(repo_id=repo_id, repo_type="dataset", folder_path=folder, hf_api=api, **settings)
        if not api.dataset_info(repo_id).private:
            _say(f"warning: ratings_dataset {repo_id} is public; make it private if raters were told that it is")
    except HFValidationError:
        raise UserError(f"ratings_dataset {repo_id}: is no Hub id; write OWNER/NAME") from None
    except (HfHubHTTPError, httpx.HTTPError, OSError) as error:
        raise UserError(
            f"ratings_dataset {repo_id}: cannot be written to ({type(error).__name__}); check HF_TOKEN and the network"
        ) from None
    with scheduler:
        yield


def _say(line: str) -> None:
    print(f"annotation: {line}", file=sys.stderr, flush=True)
