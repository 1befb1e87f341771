"""The round trip of a release on the public Hub (``pytest -m live tests/live``), and the same on the local one.

On the public Hub it makes a dataset and a collection of unique names in ``$LEMONPRESS_LIVE_NAMESPACE``, public for
about a minute, and deletes both, also when it fails.
"""

import json
import os
import secrets
import subprocess
import sys
import warnings
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi, constants

from lemonpress.errors import UserError
from lemonpress.hub.collection import CollectionItem, update_collection
from lemonpress.hub.destination import Destination, destination
from lemonpress.hub.local.server import running
from lemonpress.hub.release import release

README = """---
license: apache-2.0
configs:
- config_name: paraphrase
  default: true
  data_files:
  - split: train
    path: paraphrase/train.parquet
---
# A check of Lemonpress

Made and deleted by a test.
"""

READER = """
import json, sys
from datasets import load_dataset
from lemonpress.hub.load import load

repo, endpoint = sys.argv[1:]
rows = {}
for version in ("1.0.0", "1.1.0"):
    stock = load_dataset(repo, "paraphrase", revision=f"v{version}", split="train")
    ours = load(repo, "paraphrase", version, "train", endpoint)
    rows[version] = [stock["source"][:], ours["source"][:]]
print(json.dumps(rows))
"""


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEMONPRESS_HOME", str(tmp_path / "home"))


def tree(folder: Path, version: str) -> Path:
    (folder / version / "paraphrase").mkdir(parents=True)
    (folder / version / "README.md").write_text(README)
    (folder / version / "provenance.json").write_text("{}")
    rows = pa.table({"source": [f"{version} says so."], "target": [f"So says {version}."]})
    pq.write_table(rows, folder / version / "paraphrase" / "train.parquet")
    return folder / version


def read(to: Destination, repo: str, folder: Path) -> dict[str, list[list[str]]]:
    """What a user reads who has no token, with the stock client and with ours."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))},
        "HF_ENDPOINT": to.endpoint,
        "HF_HOME": str(folder / "reader"),
        **({"NO_PROXY": "*", "no_proxy": "*"} if to.local else {}),
    }
    command = [sys.executable, "-c", READER, repo, to.endpoint]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, list[list[str]]] = json.loads(done.stdout.splitlines()[-1])
    return found


def round_trip(to: Destination, namespace: str, folder: Path) -> None:
    """Release two versions, collect and read them, and leave nothing behind."""
    name = f"lemonpress-check-{secrets.token_hex(6)}"
    repo = f"{namespace}/{name}"
    api = HfApi(endpoint=to.endpoint, token=to.token)

    def delete_collection() -> None:
        for collection in api.list_collections(owner=namespace):
            if collection.title == name:
                api.delete_collection(collection.slug)

    with ExitStack() as cleaning:
        cleaning.callback(api.delete_repo, repo, repo_type="dataset", missing_ok=True)
        cleaning.callback(delete_collection)

        old, new = tree(folder, "1.0.0"), tree(folder, "1.1.0")
        first = release(old, repo, "dataset", "1.0.0", to)
        assert first.uploaded
        second = release(new, repo, "dataset", "1.1.0", to)
        assert second.uploaded
        for made, source in ((first, old), (second, new)):
            again = release(source, repo, "dataset", made.tag.removeprefix("v"), to)
            assert (again.commit, again.uploaded) == (made.commit, False)
        with pytest.raises(UserError, match=r"v1\.0\.0 of .* exists with other content"):
            release(new, repo, "dataset", "1.0.0", to)
        refs = api.list_repo_refs(repo, repo_type="dataset")
        assert {tag.name: tag.target_commit for tag in refs.tags} == {"v1.0.0": first.commit, "v1.1.0": second.commit}

        items = [CollectionItem(repo, "dataset", "Two versions.")]
        pages = {update_collection(to, namespace, name, items, "Made and deleted by a test.") for _ in range(2)}
        (page,) = pages
        collection = api.get_collection(page.removeprefix(f"{to.endpoint}/collections/"))
        assert [(item.item_id, item.note) for item in collection.items] == [(repo, "Two versions.")]

        assert read(to, repo, folder) == {version: [[f"{version} says so."]] * 2 for version in ("1.0.0", "1.1.0")}

    assert not api.repo_exists(repo, repo_type="dataset")
    assert all(collection.title != name for collection in api.list_collections(owner=namespace))


def test_round_trip_on_the_local_hub(tmp_path: Path) -> None:
    with running(tmp_path / "hub") as hub:
        round_trip(Destination(hub.endpoint, hub.token, local=True), "press", tmp_path)


@pytest.mark.live
def test_round_trip_on_the_public_hub(tmp_path: Path) -> None:
    missing = [name for name in ("HF_TOKEN", "LEMONPRESS_LIVE_NAMESPACE") if not os.environ.get(name)]
    if missing:
        reason = f"set {' and '.join(missing)}: a token that may write, and the user or organisation to write to"
        warnings.warn(f"the live test is skipped: {reason}", stacklevel=1)
        pytest.skip(reason)
    namespace = os.environ["LEMONPRESS_LIVE_NAMESPACE"]
    round_trip(destination(constants.ENDPOINT, namespace), namespace, tmp_path)
