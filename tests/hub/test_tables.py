"""Tables of Hub datasets: the commit that a revision names, or nothing."""

import json
from collections.abc import Callable

from huggingface_hub import HfApi

from lemonpress.hub.local.faults import Fault, Faults

OPEN = """
    from pathlib import Path
    from lemonpress.errors import UserError
    from lemonpress.tables import open_table

    for revision in ("v1", "v2"):
        try:
            table = open_table(
                "press/moved", Path("press/moved"), revision=revision, config=None, split="train", where="datasets.0"
            )
            print([row["source"] for _, row in table.rows], table.identity)
        except UserError as error:
            print(error)
"""


def test_cached_rows_of_another_revision_are_refused_when_the_hub_fails_midway(
    api: HfApi, faults: Faults, in_process: Callable[..., str]
) -> None:
    api.create_repo("press/moved", repo_type="dataset")
    commits = []
    for tag in ("v1", "v2"):
        content = json.dumps({"source": tag}).encode()
        api.upload_file(
            path_or_fileobj=content, path_in_repo="train.jsonl", repo_id="press/moved", repo_type="dataset"
        )
        api.create_tag("press/moved", tag=tag, repo_type="dataset")
        commits.append(str(api.dataset_info("press/moved", revision=tag).sha))
    faults.rule = lambda method, path: Fault(hang_up=True) if commits[1] in path else None
    first, second = in_process(OPEN, publishes=False).splitlines()
    assert first == f"['v1'] { ({'id': 'press/moved', 'commit': commits[0]}) }"
    assert second == (
        "datasets.0: press/moved: the Hub failed and another revision is cached; try again when the Hub answers"
    )
    faults.rule = None
    assert in_process(OPEN, publishes=False).splitlines()[1].startswith("['v2']")
