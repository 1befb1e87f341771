"""The local Hub's pages for people, read over HTTP."""

import ast
import hashlib
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from hypothesis import given
from hypothesis import strategies as st

from lemonpress.hub.configs import read_configs
from lemonpress.hub.local import facts, lfs
from lemonpress.hub.local.card_pages import render_card, summary
from lemonpress.hub.local.server import LocalHub

Ask = Callable[..., Any]
VOID = {"meta", "img", "br", "hr"}
CARD = """\
---
license: apache-2.0
language: en
task_categories: [text-generation]
size_categories: [1K<n<10K]
configs:
- config_name: rejected
  data_files: [{split: train, path: rejected/train.parquet}]
- config_name: pairs
  default: true
  data_files: [{split: train, path: "pairs/train-*.parquet"}, {split: test, path: pairs/test.parquet}]
---
# Lemon & lime

![plot](plot.png) Pairs of *sentences* from `tiny`. They were pressed.

## Load it

| a | b |
| --- | --- |
| 1 | 2 |

## Load it

### Details

## Citation
"""


@dataclass
class Page(HTMLParser):
    """A page as a reader sees it: text by element, links by text, and every element with its attributes."""

    html: str
    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    here: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert tag in VOID or self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if not self.open or not data.strip():
            return
        tag, attributes = self.open[-1]
        self.texts.append((tag, data))
        if tag == "a":
            self.links.setdefault(data, str(attributes["href"]))
            if "aria-current" in attributes:
                self.here.append(data)

    def of(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(text for tag, text in self.texts if tag != "style").split())

    @property
    def code(self) -> str:
        """The Python lines that load the repository."""
        return next(text for text in self.of("code") if text.startswith("from "))


@pytest.fixture
def see(ask: Ask, hub: LocalHub) -> Callable[..., Page]:
    """Open a page, with the owner's token if asked; whatever is on it, nothing may run and nothing may leave."""

    def open_page(path: str, owner: bool = False) -> Page:
        answer = ask("GET", path, **({"Authorization": f"Bearer {hub.token}"} if owner else {}))
        assert answer.status == 200, answer.body
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        page = Page(answer.body.decode())
        assert not page.open
        allowed = {"id", "class", "href", "src", "alt", "title", "style", "open", "datetime", "aria-current"}
        for tag, attributes in page.elements:
            assert tag not in ("script", "iframe", "object", "form", "b", "svg")
            assert tag in ("html", "meta") or set(attributes) <= allowed
            assert not str(attributes.get("href", "")).lower().startswith(("javascript", "data", "//"))
        return page

    return open_page


def parquet(rows: Mapping[str, list[Any]], group: int | None = None) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(dict(rows)), sink, row_group_size=group)
    return sink.getvalue()


def commit(api: HfApi, name: str, kind: str, files: Mapping[str, str | bytes]) -> str:
    added = [
        CommitOperationAdd(path, text.encode() if isinstance(text, str) else text) for path, text in files.items()
    ]
    return api.create_commit(name, added, commit_message="files", repo_type=kind).oid


def dataset(api: HfApi, name: str, files: Mapping[str, str | bytes]) -> str:
    api.create_repo(name, repo_type="dataset")
    commit(api, name, "dataset", files)
    return f"/datasets/{name}"


def test_a_datasets_page_says_what_it_is_and_how_to_load_it(
    api: HfApi, hub: LocalHub, see: Callable[..., Page]
) -> None:
    pairs: dict[str, list[Any]] = {"source": [f"Source {n}." for n in range(9)], "score": [n / 7 for n in range(9)]}
    files: dict[str, str | bytes] = {
        "README.md": CARD,
        "pairs/train-0.parquet": parquet(pairs, group=2),
        "pairs/test.parquet": parquet({"source": ["Of the test."]}),
        "rejected/train.parquet": parquet({"critic": ["rouge_l"]}),
    }
    url = dataset(api, "pages/corpus", files)
    for tag in ("v0.9.0", "draft", "v0.10.0"):
        api.create_tag("pages/corpus", tag=tag, repo_type="dataset")
    page = see(url)
    assert f"HF_ENDPOINT={hub.endpoint}" in page.text
    assert page.code.splitlines() == [
        "from datasets import load_dataset",
        'dataset = load_dataset("pages/corpus", "pairs", revision="v0.10.0")',
    ]
    assert "has changed since" not in page.text
    for chip in ("Licence: apache-2.0", "Task: text-generation", "Size: 1 thousand to 10 thousand rows", "5 files,"):
        assert chip in page.text
    assert page.of("p")[0] == "Pairs of sentences from tiny."
    assert [text for text in page.links if text in ("v0.9.0", "v0.10.0", "draft", "main")] == [
        "v0.10.0",
        "v0.9.0",
        "draft",
        "main",
    ]
    assert page.here == ["main"]
    assert "5 of 9 rows of the split train of pairs , pairs/train-0.parquet" in page.text
    assert [page.text.count(f"Source {n}.") for n in range(9)] == [1] * 5 + [0] * 4
    assert "0.1429" in page.of("td")
    assert page.links["Citation"] == "#citation"
    anchors = [attributes["id"] for tag, attributes in page.elements if tag in ("h2", "h3") and attributes.get("id")]
    assert anchors == ["load-it", "load-it-1", "details", "citation"]
    assert f'src="{url}/resolve/main/plot.png"' in page.html
    assert '<div class="scroll"><table>\n<thead>' in page.html

    other = see(page.links["rejected"].partition("#")[0])
    assert "1 of 1 rows of the split train of rejected" in other.text
    assert '"rejected", revision="v0.10.0"' in other.code
    assert "5 of 9 rows" in see(f"{url}?config=missing").text

    old = see(page.links["v0.9.0"])
    assert old.here == ["v0.9.0"]
    assert 'revision="v0.9.0"' in old.code


def test_code_pins_what_does_not_move(api: HfApi, see: Callable[..., Page]) -> None:
    url = dataset(api, "pages/moving", {"a.txt": "a"})
    first = api.dataset_info("pages/moving").sha
    assert f'load_dataset("pages/moving", revision="{first}")' in see(url).code
    api.create_tag("pages/moving", tag="v1.0.0", repo_type="dataset")
    api.create_branch("pages/moving", branch="next", repo_type="dataset")
    assert 'revision="v1.0.0"' in see(f"{url}?revision={first}").code
    second = commit(api, "pages/moving", "dataset", {"b.txt": "b"})
    page = see(url)
    assert 'revision="v1.0.0"' in page.code
    assert "main may, and has changed since that version." in page.text
    assert f'revision="{second}"' in see(f"{url}?revision={second}").code
    assert 'revision="v1.0.0"' in see(f"{url}/tree/next").code
    api.create_branch("pages/moving", branch="later", repo_type="dataset")
    page = see(f"{url}?revision=later")
    assert (f'revision="{second}"' in page.code, page.here) == (True, ["later"])


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ('{"architectures": ["LlamaForCausalLM"]}', "model = AutoModelForCausalLM.from_pretrained("),
        ('{"architectures": ["T5ForConditionalGeneration"]}', "model = AutoModelForSeq2SeqLM.from_pretrained("),
        (
            '{"architectures": ["BertForSequenceClassification"]}',
            "model = AutoModelForSequenceClassification.from_pretrained(",
        ),
        ('{"architectures": null}', "model = AutoModel.from_pretrained("),
        ("[" * 100_000, "model = AutoModel.from_pretrained("),
        (None, "folder = snapshot_download("),
    ],
)
def test_a_models_page_names_the_class_that_opens_it(
    api: HfApi, see: Callable[..., Page], config: str | None, line: str
) -> None:
    name = api.create_repo("pages/model", exist_ok=True).repo_id
    files = {"README.md": "---\nbase_model: [pages/none, ../up]\npipeline_tag: text-generation\n---\nA model."}
    revision = commit(api, name, "model", files if config is None else files | {"config.json": config})
    page = see(f"/{name}?revision={revision}")
    assert page.code.splitlines()[-1].startswith(line)
    assert "AutoTokenizer" not in page.code
    assert "Base model: pages/none" in page.text
    if config is not None:
        revision = commit(api, name, "model", {"tokenizer_config.json": "{}"})
        assert "tokenizer = AutoTokenizer.from_pretrained(" in see(f"/{name}?revision={revision}").code
    api.delete_repo(name)


def test_a_model_leads_to_the_data_it_was_made_of(api: HfApi, see: Callable[..., Page]) -> None:
    dataset(api, "pages/food", {"a.txt": "a"})
    api.create_repo("pages/secret-food", repo_type="dataset", private=True)
    api.create_repo("pages/fed")
    card = "---\ndatasets: [pages/food, pages/secret-food, gone/food]\n---\nFed."
    commit(api, "pages/fed", "model", {"README.md": card})
    page = see("/pages/fed")
    assert page.links["pages/food"] == "/datasets/pages/food"
    assert not {"pages/secret-food", "gone/food"} & set(page.links)
    assert see("/pages/fed", owner=True).links["pages/secret-food"] == "/datasets/pages/secret-food"


def test_a_spaces_page_shows_how_to_fetch_it(api: HfApi, see: Callable[..., Page]) -> None:
    api.create_repo("pages/space", repo_type="space", space_sdk="gradio")
    card = "---\nsdk: gradio\nshort_description: It judges\n---\n# Space\n\nLong story."
    commit(api, "pages/space", "space", {"README.md": card, "app.py": ""})
    api.create_tag("pages/space", tag="v1.0.0", repo_type="space")
    page = see("/spaces/pages/space")
    assert 'snapshot_download("pages/space", repo_type="space", revision="v1.0.0")' in page.code
    assert "SDK: gradio" in page.text
    assert page.of("p")[0] == "It judges"
    index = see("/")
    assert "pages/space v1.0.0" in index.text
    assert "It judges" in index.of("p")


def test_a_deployed_spaces_page_shows_how_to_run_it(api: HfApi, see: Callable[..., Page]) -> None:
    api.create_repo("pages/deployed", repo_type="space", space_sdk="gradio")
    card = "---\nsdk: gradio\n---\n# Space"
    commit(api, "pages/deployed", "space", {"README.md": card, "app.py": "", "start.py": ""})
    assert "lemonpress space" not in see("/spaces/pages/deployed").text
    api.create_tag("pages/deployed", tag="v1.0.0", repo_type="space")
    page = see("/spaces/pages/deployed")
    assert f"lemonpress space pages/deployed@v1.0.0 --hub {api.endpoint}" in page.text
    assert page.links["open it"] == "http://127.0.0.1:7860"


def test_hostile_names_stay_text(api: HfApi, see: Callable[..., Page]) -> None:
    bad = '"><script>x</script><b onclick=x>'
    tag = "".join(char for char in bad if char != " ")
    card = json.dumps(
        {"license": bad, "tags": [bad], "configs": [{"config_name": bad, "data_files": "*.parquet"}], "datasets": bad}
    )
    body = f"# {bad}\n\n{bad} <img src=x onerror=x>\n\n## {bad}\n\n## b\n\n## c\n\n[x](javascript:x) [y](http://[z)\n"
    url = dataset(
        api, "pages/hostile", {"README.md": f"---\n{card}\n---\n{body}", f"{bad[:9]}.parquet": parquet({bad: [bad]})}
    )
    api.create_tag("pages/hostile", tag=tag, repo_type="dataset")
    page = see(url)
    assert bad in page.text
    assert "1 of 1 rows" in page.text
    assert ast.literal_eval(ast.parse(page.code).body[1].value.args[1]) == bad  # type: ignore[attr-defined]
    pinned = see(page.links[tag])
    assert ast.literal_eval(ast.parse(pinned.code).body[1].value.keywords[0].value) == tag  # type: ignore[attr-defined]
    see("/")


def test_text_that_has_no_utf8(api: HfApi, see: Callable[..., Page]) -> None:
    half = '"\\ud800"'
    card = f"---\nlicense: {half}\nconfigs: [{{config_name: {half}}}, {{config_name: b}}]\n---\nText."
    api.create_repo("pages/half", repo_type="dataset")
    commit(api, "pages/half", "dataset", {"README.md": card})
    page = see("/datasets/pages/half")
    assert "Licence: ?" in page.text
    assert "Text." in page.text


def test_repositories_with_nothing_to_show(api: HfApi, see: Callable[..., Page]) -> None:
    for kind, prefix in (("model", ""), ("dataset", "datasets/"), ("space", "spaces/")):
        sdk = "static" if kind == "space" else None
        api.create_repo("pages/empty", repo_type=kind, space_sdk=sdk)
        page = see(f"/{prefix}pages/empty")
        assert "This repository has no card (README.md)." in page.text
        assert "1 file," in page.text
        assert "First rows" not in page.text


def test_private_and_gated_repositories(api: HfApi, ask: Ask, see: Callable[..., Page]) -> None:
    url = dataset(api, "pages/kept", {"README.md": "Kept secret.", "a.parquet": parquet({"source": ["A row."]})})
    assert "A row." in see(url).text
    api.update_repo_settings("pages/kept", repo_type="dataset", gated="auto")
    assert "A row." not in see(url).text
    assert "A row." in see(url, owner=True).text
    before = see("/")
    api.update_repo_settings("pages/kept", repo_type="dataset", private=True)
    assert ask("GET", url).status == 401
    assert "· private" in see(url, owner=True).text
    assert "pages/kept" in before.links
    assert "pages/kept" not in see("/").links
    assert "private" in see("/").text


def test_what_cannot_be_read_has_no_preview(api: HfApi, hub: LocalHub, see: Callable[..., Page]) -> None:
    whole = parquet({"source": ["A row."] * 1000, "n": list(range(1000))})
    broken = bytearray(whole)
    broken[4:60] = b"\xff" * 56
    for number, content in enumerate((b"", b"PAR1", whole[:-20], whole[20:], bytes(broken))):
        url = dataset(api, f"pages/broken-{number}", {"README.md": "Broken.", "a.parquet": content})
        page = see(url)
        assert "Broken." in page.text
        assert "First rows" not in page.text
    url = dataset(api, "pages/unlisted", {"README.md": CARD, "other.parquet": whole})
    assert "The rows of pairs cannot be shown here." in see(url).text
    url = dataset(api, "pages/lost", {"a.parquet": whole})
    assert "A row." in see(url).text
    lfs.object_path(hub.root, hashlib.sha256(whole).hexdigest()).unlink()
    assert "A row." not in see(url).text


def test_wide_rows_are_cut(api: HfApi, see: Callable[..., Page]) -> None:
    rows: dict[str, list[Any]] = {
        "long": ["x" * 100_000],
        "missing": [None],
        "bytes": [b"\0" * 3000],
        "nested": [[{"a": [1, 2]}] * 1000],
        "flag": [True],
    }
    rows |= {f"column{n}": [n] for n in range(100)}
    page = see(dataset(api, "pages/wide", {"a.parquet": parquet(rows)}))
    cells = [text for text in page.of("td") if ".parquet" not in text and ".git" not in text]
    assert len(page.of("th")) == 24
    assert "81 more columns are not shown" in page.text
    assert max(map(len, cells)) == 240
    for text in ("null", "3000 bytes", "True", "18"):
        assert text in cells
    assert len(page.html) < 40_000


def test_no_rows_at_all(api: HfApi, see: Callable[..., Page]) -> None:
    page = see(dataset(api, "pages/no-rows", {"a.parquet": parquet({"source": pa.array([], pa.string())})}))
    assert "0 of 0 rows" in page.text
    assert "source" in page.of("th")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["config_name", "data_files", "split", "path", "default"]), inner, max_size=5
        )
    ),
    max_leaves=12,
)


@given(value=JSON)
def test_no_metadata_breaks_a_page(value: object) -> None:
    fields = ("configs", "license", "license_name", "size_categories", "language")
    for card in ({"configs": value}, {"configs": [value]}, dict.fromkeys(fields, value)):
        for config in read_configs(card):
            assert isinstance(config.name, str)
            assert all(isinstance(pattern, str) for patterns in config.splits.values() for pattern in patterns)
        assert all(isinstance(text, str) for label in facts.labels(card) for text in label)


@pytest.mark.parametrize(
    ("card", "line"),
    [
        ("", ""),
        ("# Only a title", ""),
        ("- a list\n\n> a quote\n\nAt 3 p.m. it *rained*\nhard. Then not.", "At 3 p.m. it rained hard."),
        ("---\nshort_description: 3\n---\n[A link](x) without an end", "A link without an end"),
        ("word " * 100, "word " * 43 + "word…"),
    ],
)
def test_a_card_in_one_line(card: str, line: str) -> None:
    assert summary(card) == line


def test_versions_come_highest_first(api: HfApi, see: Callable[..., Page]) -> None:
    url = dataset(api, "pages/many", {"README.md": "Many."})
    for number in (3, 11, 1, 2, 10, 9, 8, 7, 6, 5, 4):
        api.create_tag("pages/many", tag=f"v1.{number}.0", repo_type="dataset")
    page = see(f"{url}?revision=v1.2.0")
    assert [text for text in page.links if text.startswith("v1.")] == [f"v1.{n}.0" for n in range(11, 0, -1)]
    assert "4 more" in page.of("summary")
    assert [attributes for tag, attributes in page.elements if tag == "details"] == [{"open": None}, {}]
    assert "pages/many v1.11.0" in see("/").text


def test_cards_fold_and_nothing_more() -> None:
    card = (
        "<details>\n<summary>How *it* was measured</summary>\n\n- a\n\n</details>\n\n<details onclick=x>\n\n<!-- y -->"
    )
    html = str(render_card(card, "").html)
    page = Page(html)
    assert [tag for tag, _ in page.elements] == ["details", "summary", "ul", "li"]
    assert page.of("summary") == ["How *it* was measured"]
    assert "&lt;details onclick=x&gt;" in html
    assert "&lt;!-- y --&gt;" in html


def test_cards_keep_their_own_links() -> None:
    page = render_card("[a](x.md#y) [b](#here) [c](/up) [d](https://e.f/g) [e](//h/i) [f](http://[j)", "/n/resolve/v1")
    links = Page(str(page.html)).links
    assert links["a"] == "/n/resolve/v1/x.md#y"
    assert [links[name] for name in "bcde"] == ["#here", "/up", "https://e.f/g", "//h/i"]
    assert page.headings == []
