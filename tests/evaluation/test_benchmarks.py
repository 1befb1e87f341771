import gzip
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi, constants

from lemonpress.errors import UserError
from lemonpress.evaluation.benchmarks import BENCHMARKS, FOLDER, open_benchmark
from lemonpress.hub.local.server import running
from lemonpress.recipes.evaluation import BenchmarkChoice
from one_line import one_line


def test_every_benchmark_of_the_papers_is_declared_once() -> None:
    named = {"mrpc", "quora", "mscoco", "paranmt-small", "parasci", "gigaword", "duc", "twitter-url", "paws"}
    assert set(BENCHMARKS) == named
    assert len({one.file for one in BENCHMARKS.values()}) == len(BENCHMARKS)
    assert {name for name, one in BENCHMARKS.items() if one.task == "summary"} == {"gigaword", "duc"}


def test_files_in_the_folder_of_benchmarks_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"source": f"Source {n}.", "references": [f"One {n}.", f"Two {n}."]} for n in range(3)]
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    (tmp_path / "duc2004_test.jsonl.gz").write_bytes(gzip.compress(content))
    monkeypatch.setenv(FOLDER, str(tmp_path))
    found = open_benchmark(BenchmarkChoice(name="duc", count=2))
    assert (found.name, found.task, found.sources) == ("duc", "summary", ["Source 0.", "Source 1."])
    assert found.references[1] == ["One 1.", "Two 1."]
    assert (found.dataset, found.commit) == (None, None)


def test_what_is_on_no_hub_says_where_its_file_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER, raising=False)
    for name in ("duc", "parasci", "paranmt-small"):
        with pytest.raises(UserError) as caught:
            open_benchmark(BenchmarkChoice(name=name))
        message = one_line(caught)
        assert message.startswith(
            f"benchmark {name}: no file {BENCHMARKS[name].file} in the folder that {FOLDER} names"
        )
        assert message.endswith("give --data FILE")
    with pytest.raises(UserError, match="benchmark oracle: is unknown; there are mrpc, quora") as caught:
        open_benchmark(BenchmarkChoice(name="oracle"))
    one_line(caught)


def test_data_of_ones_own_is_named_by_file_and_task(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text('{"source": "a", "paraphrases": ["b"], "summary": "c"}\n', encoding="utf-8")
    both = [open_benchmark(BenchmarkChoice(data=str(file), task=task)) for task in ("paraphrase", "summary")]
    assert [(one.name, one.references) for one in both] == [("mine-paraphrase", [["b"]]), ("mine-summary", [["c"]])]
    assert open_benchmark(BenchmarkChoice(name="other", data=str(file), task="summary")).name == "other"
    with pytest.raises(UserError, match="benchmark mrpc: has a task of its own") as caught:
        open_benchmark(BenchmarkChoice(name="mrpc", data=str(file), task="summary"))
    one_line(caught)
    declared = open_benchmark(BenchmarkChoice(name="mrpc", data=str(file)))
    assert (declared.name, declared.dataset, declared.commit) == ("mrpc", None, None)


TWITTER = "mteb/twitterurlcorpus-pairclassification"
READ = """
    from lemonpress.errors import UserError
    from lemonpress.evaluation.benchmarks import open_benchmark
    from lemonpress.recipes.evaluation import BenchmarkChoice

    for name in ("mrpc", "mscoco", "twitter-url", "paws"):
        try:
            found = open_benchmark(BenchmarkChoice(name=name))
            print(name, found.sources, found.references, found.dataset, found.commit)
        except UserError as error:
            print(name, error)
"""


def test_declared_columns_and_rows_are_read_from_a_hub_at_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    tables = {
        "nyu-mll/glue": ("mrpc", {"sentence1": ["a", "b"], "sentence2": ["c", "d"], "label": [0, 1]}),
        "phiyodr/coco2017": ("default", {"captions": [["a", "b", "c"]]}),
        TWITTER: (
            "default",
            {"sent1": [["a", "b"]], "sent2": [["c", "d"]], "labels": [[1, 0]]},
        ),
        "google-research-datasets/paws": ("labeled_final", {"text": ["a"], "label": [1]}),
    }
    commits = {}
    with running(tmp_path / "hub") as hub:
        api = HfApi(endpoint=hub.endpoint, token=hub.token)
        for path, (config, columns) in tables.items():
            split = "validation" if path == "phiyodr/coco2017" else "test"
            pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
            files = f"data_files:\n  - split: {split}\n    path: rows.parquet"
            card = f"---\nconfigs:\n- config_name: {config}\n  {files}\n---\n"
            api.create_repo(path, repo_type="dataset")
            for name, content in (("rows.parquet", str(tmp_path / "rows.parquet")), ("README.md", card.encode())):
                api.upload_file(path_or_fileobj=content, path_in_repo=name, repo_id=path, repo_type="dataset")
            commits[path] = api.dataset_info(path).sha
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", FOLDER))}
        environment = kept | {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "home")}
        command = [sys.executable, "-c", textwrap.dedent(READ)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines() == [
        f"mrpc ['b'] [['d']] nyu-mll/glue {commits['nyu-mll/glue']}",
        f"mscoco ['a'] [['b', 'c']] phiyodr/coco2017 {commits['phiyodr/coco2017']}",
        f"twitter-url ['a'] [['c']] {TWITTER} {commits[TWITTER]}",
        "paws benchmark paws: google-research-datasets/paws has no column 'sentence1' now; it has text, label",
    ]
