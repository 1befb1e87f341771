"""Ways to run an NLI critic on one CPU core: pairs per second, and whether they keep and reject the same pairs.

Pairs are of the same contexts of the pool that ships: some at random, and some that its shipped scores put at 0.5 or
more, where decisions are close. Times are processor time of one thread, so that other programs disturb them little.

python benchmarks/critic_speed.py
python benchmarks/critic_speed.py --model cross-encoder/nli-deberta-v3-small --pairs 600 --likely 300
"""

import argparse
import copy
import json
import logging
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from lemonpress.assets import asset
from lemonpress.console import quiet_libraries
from lemonpress.critics.classification import Classifier, labels_of, load
from lemonpress.critics.entailment import entailment_label
from lemonpress.recipes import EntailmentSettings
from lemonpress.sources import resolve

REFERENCE = "torch float32"
ROUNDS = 3
ALONE = 100  # pairs that are asked one at a time too
LEAST = 5000  # shipped score of the likely pairs, in 1e-4
Pairs = list[tuple[str, str]]


def main() -> None:
    """Score the same pairs in every way, in turn, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="data/nli-critic", help="NLI model (default data/nli-critic, which ships)")
    parser.add_argument("--pairs", type=int, default=2000, help="random pairs of the shipped pool (default 2000)")
    parser.add_argument("--likely", type=int, default=1000, help="pairs with a shipped score of 0.5 up (default 1000)")
    parser.add_argument("--min", type=float, default=0.75, help="keep from this p(entailment) on (default 0.75)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    args = parser.parse_args()
    quiet_libraries()
    logging.getLogger().setLevel(logging.ERROR)  # quantisation advises on the root logger
    import torch

    torch.set_num_threads(1)
    model = resolve(args.model)
    settings = EntailmentSettings(critic="entailment", model=args.model)
    label = entailment_label(settings, labels_of(model, "--model"))
    draw = np.random.default_rng(0)
    groups = _groups()
    kinds = {"random": _random(groups, args.pairs, draw), "likely": _likely(groups, args.likely, draw)}
    with tempfile.TemporaryDirectory() as folder:
        ways = dict(_ways(load(model, "cpu"), Path(folder)))
        figures: dict[str, Any] = {"model": args.model, **{kind: len(pairs) for kind, pairs in kinds.items()}}
        figures["ways"] = _measured(ways, kinds, label, args.min)
    text = json.dumps(figures, indent=2)
    print(text)
    if args.json:
        args.json.write_text(text + "\n", encoding="utf-8")


def _groups() -> dict[str, list[str]]:
    """The distinct sentences of the pool that ships, by context."""
    files = sorted(asset("data/starter").glob("sentences/*/sentences.parquet"))
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    return {row["context_id"]: row["sentences"] for row in rows if len(row["sentences"]) > 1}


def _random(groups: dict[str, list[str]], count: int, draw: np.random.Generator) -> Pairs:
    """Random ordered pairs of different sentences of the same contexts."""
    found = []
    for place in draw.choice(list(groups), count):
        one, other = draw.choice(len(groups[place]), 2, replace=False)
        found.append((groups[place][one], groups[place][other]))
    return found


def _likely(groups: dict[str, list[str]], count: int, draw: np.random.Generator) -> Pairs:
    """Random ones of the ordered pairs that the shipped scores of an NLI model put at 0.5 or more."""
    found: Pairs = []
    for file in sorted(asset("data/starter").glob("scores/*/scores.parquet")):
        for row in pq.read_table(file).to_pylist():
            if row["scorer"].startswith("entailment-") and "#" not in row["scorer"]:
                texts = groups[row["context_id"]]
                asked = zip(row["source"], row["target"], row["score"], strict=True)
                found += [(texts[one], texts[other]) for one, other, score in asked if score >= LEAST]
    return [found[place] for place in draw.permutation(len(found))[:count]]


def _measured(
    ways: dict[str, Classifier], kinds: dict[str, Pairs], label: int, least: float
) -> dict[str, dict[str, Any]]:
    chances: dict[str, dict[str, np.ndarray]] = {}
    speeds: dict[str, list[float]] = {}
    for model in ways.values():
        _chances(model, kinds["random"][:64], label)  # the first call is slow
    parts = [[pairs[start::ROUNDS] for pairs in kinds.values()] for start in range(ROUNDS)]
    for part in parts:
        for way, model in ways.items():
            started = time.process_time()
            asked = [_chances(model, pairs, label) for pairs in part]
            speeds.setdefault(way, []).append(sum(map(len, part)) / (time.process_time() - started))
            for kind, found in zip(kinds, asked, strict=True):
                known = chances.setdefault(kind, {}).get(way, np.empty(0))
                chances[kind][way] = np.concatenate([known, found])
    texts = [one for one, _ in kinds["random"][:ALONE]]
    alone = parts[0][-1][:ALONE]
    report: dict[str, dict[str, Any]] = {}
    for way, model in ways.items():
        ratios = np.divide(speeds[way], speeds[REFERENCE])
        by_itself = np.concatenate([_chances(model, [pair], label) for pair in alone])
        itself = _chances(model, [(text, text) for text in texts], label)
        report[way] = {
            "pairs_per_second": round(float(np.median(speeds[way]))),
            "ratio": round(float(np.median(ratios)), 2),
            "ratios": [round(float(ratio), 2) for ratio in ratios],
            **{kind: _agreement(found[REFERENCE], found[way], least) for kind, found in chances.items()},
            "largest_change_alone": round(float(np.abs(by_itself - chances["likely"][way][: len(alone)]).max()), 5),
            "identities": round(float((itself >= least).mean()), 4),
        }
    return report


def _chances(model: Classifier, pairs: Pairs, label: int) -> np.ndarray:
    ones, others = zip(*pairs, strict=True)
    found: np.ndarray = model.probabilities(ones, others)[:, label]
    return found


def _agreement(expected: np.ndarray, found: np.ndarray, least: float) -> dict[str, float | int]:
    keeps, kept = expected >= least, found >= least
    either = keeps | kept
    same = keeps == kept
    return {
        "kept_by_float32": int(keeps.sum()),
        "agreement": round(float(same.mean()), 4),
        "agreement_where_either_keeps": round(float(same[either].mean()), 4) if either.any() else 1.0,
        "still_kept": round(float(kept[keeps].mean()), 4) if keeps.any() else 1.0,
        "largest_change": round(float(np.abs(expected - found).max()), 4),
        "mean_change": round(float(np.abs(expected - found).mean()), 5),
    }


def _ways(model: Classifier, folder: Path) -> Iterator[tuple[str, Classifier]]:
    import torch

    network = model.model
    yield REFERENCE, model
    eager = copy.deepcopy(network)
    eager.set_attn_implementation("eager")
    yield "torch float32, plain attention", replace(model, model=eager)
    if hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        packed = _linears(copy.deepcopy(network), _onednn)
        yield "torch float32, linear layers by oneDNN", replace(model, model=packed)
    yield "torch bfloat16", replace(model, model=copy.deepcopy(network).to(torch.bfloat16))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantise: Any = torch.ao.quantization.quantize_dynamic
        int8 = quantise(network, {torch.nn.Linear}, dtype=torch.qint8)
    yield "torch int8 linear layers", replace(model, model=int8)
    if find_spec("onnx") is None or find_spec("onnxruntime") is None:
        print("The ways of ONNX Runtime are left out; for them: pip install onnx onnxruntime")
        return
    file = folder / "float32.onnx"
    _export(replace(model, model=eager), file)
    yield "ONNX Runtime float32", replace(model, model=_Session(file, network.config))
    yield "ONNX Runtime int8", replace(model, model=_Session(_quantised(file, lambda name: False), network.config))
    last = f"layer.{network.config.num_hidden_layers - 1}/"
    some = _quantised(file, lambda name: last in name or "layer." not in name)
    yield "ONNX Runtime int8, last layer float32", replace(model, model=_Session(some, network.config))


def _linears(network: Any, made: Callable[[Any], Any]) -> Any:
    """The same network with another module in the place of each linear layer."""
    import torch

    for name, child in list(network.named_children()):
        if isinstance(child, torch.nn.Linear):
            setattr(network, name, made(child))
        else:
            _linears(child, made)
    return network


def _onednn(layer: Any) -> Any:
    """A linear layer with weights packed for oneDNN, where torch asks MKL, which is slow on CPUs not by Intel."""
    import torch

    class Packed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach())
            self.bias = layer.bias.detach()

        def forward(self, values: Any) -> Any:
            return torch.ops.mkldnn._linear_pointwise(values, self.weight, self.bias, "none", [], "")

    return Packed()


class _Session:
    """An ONNX model in the place of a transformers one."""

    def __init__(self, file: Path, config: Any) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.config = config
        self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def __call__(self, **tensors: Any) -> SimpleNamespace:
        import torch

        [logits] = self._session.run(["logits"], {name: tensor.numpy() for name, tensor in tensors.items()})
        return SimpleNamespace(logits=torch.from_numpy(logits))


def _export(model: Classifier, file: Path) -> None:
    import torch

    model.tokenizer.backend_tokenizer.no_padding()
    encodings = [model.tokenizer.backend_tokenizer.encode("One", other) for other in ("two", "two and three")]
    example = model._tensors(encodings)
    names = list(example)

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = model.model

        def forward(self, *tensors: Any) -> Any:
            return self.network(**dict(zip(names, tensors, strict=True))).logits

    axes = {name: {0: "pairs", 1: "tokens"} for name in names} | {"logits": {0: "pairs"}}
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Logits().eval(),  # the exporter puts the mode of the whole back into all of its parts
            tuple(example.values()),
            str(file),
            input_names=names,
            output_names=["logits"],
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,  # the other exporter needs one package more
        )


def _quantised(file: Path, plain: Callable[[str], bool]) -> Path:
    """The model with 8-bit weights by output channel, but for the layers that are to stay as they are."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    left = [node.name for node in onnx.load(str(file)).graph.node if plain(node.name)]
    target = file.with_name(f"int8-{len(left)}.onnx")
    quantize_dynamic(
        file, target, weight_type=QuantType.QInt8, per_channel=True, reduce_range=False, nodes_to_exclude=left
    )
    return target


if __name__ == "__main__":
    main()
