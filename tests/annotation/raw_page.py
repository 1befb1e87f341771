"""The Space's page without a browser: it holds what components have, and posts events as the page does."""

import json
import secrets
import urllib.request
from collections.abc import Sequence
from typing import Any

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class RawPage:
    """One visitor's page.

    Args:
        url: Of the running Space.
    """

    def __init__(self, url: str) -> None:
        self._api, self._session = f"{url}/gradio_api", secrets.token_hex(6)
        with _OPENER.open(f"{url}/config", timeout=60) as answer:
            config = json.load(answer)
        self._events = {tuple(target): one for one in config["dependencies"] for target in one["targets"]}
        self._ids = {one["props"].get("elem_id"): one["id"] for one in config["components"]}
        self._values = {one["id"]: one["props"].get("value") for one in config["components"]}

    def fill(self, **values: Any) -> None:
        """Give components values, by their ids on the page without ``an-``."""
        self._values.update({self._ids[f"an-{name}"]: value for name, value in values.items()})

    def holds(self, name: str) -> str:
        """What a component has."""
        return str(self._values[self._ids[f"an-{name}"]])

    def press(self, name: str, times: int = 1) -> None:
        """Press a button so often before the first answer comes, then take in the answers."""
        event = self._events[self._ids[f"an-{name}"], "click"]
        values = [self._values[one] for one in event["inputs"]]
        answers = [self._post(event["id"], values) for _ in range(times)]
        for answer in answers:
            for one, change in zip(event["outputs"], answer, strict=True):
                if not isinstance(change, dict):
                    self._values[one] = change
                elif "value" in change:
                    self._values[one] = change["value"]

    def _post(self, event: int, values: Sequence[Any]) -> list[Any]:
        body = {"fn_index": event, "data": values, "session_hash": self._session}
        headers = {"Content-Type": "application/json"}
        asked = urllib.request.Request(f"{self._api}/queue/join", json.dumps(body).encode(), headers)
        _OPENER.open(asked, timeout=60).close()
        with _OPENER.open(f"{self._api}/queue/data?session_hash={self._session}", timeout=60) as lines:
            for line in lines:
                said = json.loads(line.removeprefix(b"data: ")) if line.startswith(b"data: ") else {}
                if said.get("msg") == "process_completed":
                    assert said["success"], said
                    return list(said["output"]["data"])
        raise AssertionError("no answer")
