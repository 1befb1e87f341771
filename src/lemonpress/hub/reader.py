"""Read releases back in a fresh process, as a downstream user would."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lemonpress.hub.destination import Destination


def read_in_fresh_process(
    to: Destination, datasets: Sequence[tuple[str, str, str]], model: tuple[str, str], prompts: Sequence[str]
) -> dict[str, Any]:
    """Load datasets and a language model with the stock clients, ``HF_ENDPOINT`` set and nothing else of ours.

    Args:
        to: The Hub.
        datasets: Repository, configuration and revision of each.
        model: Repository and revision.
        prompts: What the model continues or answers, greedily.

    Returns:
        ``rows`` of each configuration and split, and the ``texts`` written.

    Raises:
        RuntimeError: The stock clients could not load them.
    """
    request = {"datasets": list(datasets), "model": model, "prompts": list(prompts)}
    with tempfile.TemporaryDirectory(prefix="lemonpress-read-back-") as cache_folder:
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))},
            "HF_ENDPOINT": to.endpoint,
            "HF_HOME": cache_folder,
            **({"NO_PROXY": "*", "no_proxy": "*"} if to.local else {}),
        }
        done = subprocess.run(
            [sys.executable, "-P", str(Path(__file__).with_name("read_back.py"))],
            input=json.dumps(request),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"the released files do not load with the stock clients:\n{done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
