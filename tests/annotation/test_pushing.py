"""Ratings that reach a dataset on a real local Hub."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import RepositoryNotFoundError
from small_studies import distinct, rate_all, small_study

from lemonpress.annotation.pushing import pushing
from lemonpress.annotation.store import Store
from lemonpress.errors import UserError
from lemonpress.hub.local.server import LocalHub, running

REPO_ID = "lemonpress/ratings"


@pytest.fixture
def hub(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1,localhost")
    with running(tmp_path / "hub") as started:
        yield started


def _pushed(hub: LocalHub) -> dict[str, list[dict[str, object]]]:
    api = HfApi(endpoint=hub.endpoint, token=hub.token)
    try:
        names = [name for name in api.list_repo_files(REPO_ID, repo_type="dataset") if name.endswith(".jsonl")]
    except RepositoryNotFoundError:
        return {}
    fetched = {
        name: hf_hub_download(REPO_ID, name, repo_type="dataset", endpoint=hub.endpoint, token=hub.token)
        for name in names
    }
    return {name: [json.loads(line) for line in Path(file).read_text().splitlines()] for name, file in fetched.items()}


def test_ratings_come_by_schedule_and_at_the_end(hub: LocalHub, tmp_path: Path) -> None:
    study = small_study(distinct(4, 2), ratings_dataset=REPO_ID, every=0.02)
    store = Store(tmp_path / "one", study)
    with pushing(store, study, tmp_path / "one" / "pushed", hub.token, hub.endpoint):
        rate_all(store, "Ada", texts=3)
        deadline = time.monotonic() + 60
        while sum(map(len, _pushed(hub).values())) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.3)
    other = Store(tmp_path / "two", study)
    late = study.model_copy(update={"every": 600.0})
    with pushing(other, late, tmp_path / "two" / "pushed", hub.token, hub.endpoint):
        code = rate_all(other, "Ben", texts=2)
        assert code
    found = _pushed(hub)
    assert found == {f"ratings/{one.name}.jsonl": one.rows() for one in (store, other)}
    assert HfApi(endpoint=hub.endpoint, token=hub.token).dataset_info(REPO_ID).private
    from datasets import load_dataset

    files = hf_hub_download(REPO_ID, "README.md", repo_type="dataset", endpoint=hub.endpoint, token=hub.token)
    assert "path: ratings/*.jsonl" in Path(files).read_text()
    local = [str(tmp_path / which / "pushed" / "ratings" / "*.jsonl") for which in ("one", "two")]
    assert load_dataset("json", data_files=local, split="train").num_rows == 5


def test_a_last_push_that_fails_is_one_line_and_ends_the_schedule(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1,localhost")
    study = small_study(distinct(1, 1), ratings_dataset=REPO_ID, every=600.0)
    store = Store(tmp_path / "one", study)
    with ExitStack() as stack:
        hub = stack.enter_context(running(tmp_path / "hub"))
        with pushing(store, study, tmp_path / "pushed", hub.token, hub.endpoint):
            rate_all(store, "Ada", texts=1)
            stack.close()
            capfd.readouterr()
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith(f"annotation: {REPO_ID} did not get the last ratings (")
    assert said[0].endswith(f"all are in {store.file}")


def test_a_public_dataset_is_warned_about(hub: LocalHub, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    study = small_study(distinct(1, 1), ratings_dataset=REPO_ID)
    store = Store(tmp_path / "one", study)
    said = []
    for private in (True, False):
        api = HfApi(endpoint=hub.endpoint, token=hub.token)
        api.delete_repo(REPO_ID, repo_type="dataset", missing_ok=True)
        api.create_repo(REPO_ID, repo_type="dataset", private=private)
        with pushing(store, study, tmp_path / "pushed", hub.token, hub.endpoint):
            pass
        said.append(capfd.readouterr().err.count(f"annotation: warning: ratings_dataset {REPO_ID} is public; "))
    assert said == [0, 1]


def test_nothing_is_pushed_before_anybody_rates(hub: LocalHub, tmp_path: Path) -> None:
    study = small_study(distinct(1, 1), ratings_dataset=REPO_ID)
    with pushing(Store(tmp_path / "one", study), study, tmp_path / "pushed", hub.token, hub.endpoint):
        pass
    assert _pushed(hub) == {}


def test_a_study_without_a_dataset_pushes_nothing(tmp_path: Path) -> None:
    study = small_study(distinct(1, 1))
    with pushing(Store(tmp_path / "one", study), study, tmp_path / "pushed", None):
        pass
    assert not (tmp_path / "pushed").exists()


def test_without_a_token_or_with_a_wrong_one_it_fails_at_once(hub: LocalHub, tmp_path: Path) -> None:
    study = small_study(distinct(1, 1), ratings_dataset=REPO_ID)
    store = Store(tmp_path / "one", study)
    with pytest.raises(UserError, match="no token; set HF_TOKEN"):
        pushing(store, study, tmp_path / "pushed", None)
    with (
        pytest.raises(UserError, match=f"ratings_dataset {REPO_ID}: cannot be written to"),
        pushing(store, study, tmp_path / "pushed", "hf_wrong", hub.endpoint),
    ):
        pass
