"""A Stanza model folder with a constituency parser trained on a toy grammar."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from toy_grammar import TAGS, toy_trees


class _ExactMatch:
    """Judges a parser while it trains, by its share of right trees: Stanza itself asks a Java program."""

    def __init__(self, **_: Any) -> None: ...

    def __enter__(self) -> "_ExactMatch":
        return self

    def __exit__(self, *_: object) -> None: ...

    def process(self, results: list[Any]) -> SimpleNamespace:
        right = sum(str(result.predictions[0].tree) == str(result.gold) for result in results) / len(results)
        return SimpleNamespace(f1=right, treeF1=right, HasField=lambda _: False)


@pytest.fixture(scope="session")
def toy_stanza(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder as Stanza keeps its models, with a parser of the toy grammar and a tagger that knows its words."""
    import logging

    import torch
    from stanza.models import constituency_parser
    from stanza.models.common.pretrain import Pretrain
    from stanza.models.constituency import parser_training
    from stanza.pipeline.processor import PROCESSOR_VARIANTS, ProcessorVariant, register_processor_variant

    @register_processor_variant("pos", "toy")
    class ToyTagger(ProcessorVariant):
        def __init__(self, config: dict[str, Any]) -> None: ...

        def process(self, document: Any) -> Any:
            for sentence in document.sentences:
                for word in sentence.words:
                    word.xpos = word.upos = TAGS[word.text]
            return document

        def bulk_process(self, documents: list[Any]) -> list[Any]:
            return [self.process(document) for document in documents]

    folder = tmp_path_factory.mktemp("stanza")
    work = tmp_path_factory.mktemp("toy-treebank")
    for part in ("constituency", "pretrain"):
        (folder / "en" / part).mkdir(parents=True)
    trees = toy_trees(100, seed=0)
    (work / "train").write_text("\n".join(trees[20:]), encoding="utf-8")
    (work / "dev").write_text("\n".join(trees[:20]), encoding="utf-8")
    draw = random.Random(0)
    vectors = [" ".join([word, *(f"{draw.gauss(0, 1):.3f}" for _ in range(8))]) for word in TAGS]
    (work / "vectors").write_text(f"{len(TAGS)} 8\n" + "\n".join(vectors) + "\n", encoding="utf-8")
    pretrain = folder / "en" / "pretrain" / "toy.pt"
    Pretrain(str(pretrain), str(work / "vectors")).load()
    resources = {
        "en": {
            "lang_name": "English",
            "packages": {},
            "pretrain": {"toy": {}},
            "constituency": {"toy": {"dependencies": [{"model": "pretrain", "package": "toy"}]}},
        }
    }
    (folder / "resources.json").write_text(json.dumps(resources), encoding="utf-8")
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        patch.setattr(parser_training, "EvaluateParser", _ExactMatch)
        patch.setattr(logging.getLogger("stanza"), "disabled", True)
        # More threads are a hundred times slower here.
        torch.set_num_threads(1)
        constituency_parser.main(
            f"--train_file {work / 'train'} --eval_file {work / 'dev'} --wordvec_pretrain_file {pretrain} "
            f"--save_dir {folder / 'en' / 'constituency'} --save_name toy.pt --lang en --shorthand en_toy --cpu "
            "--epochs 8 --epoch_size 80 --optim AdamW --learning_rate 0.005 --train_batch_size 8 --hidden_size 32 "
            "--num_lstm_layers 1 --no_multistage --no_checkpoint --no_retag".split()
        )
    torch.set_num_threads(threads)
    yield folder
    del PROCESSOR_VARIANTS["pos"]["toy"]
