"""datasets, transformers, PEFT, cards, Spaces and ``hf`` against the local Hub, each in a fresh process."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from huggingface_hub import HfApi

from lemonpress.hub.local.server import LocalHub

Run = Callable[..., str]


def test_datasets_are_pushed_in_configs_and_loaded_by_tag(in_process: Run, api: HfApi) -> None:
    in_process(
        """
        from datasets import Dataset, DatasetDict
        from huggingface_hub import HfApi

        def corpus(word, rows):
            numbers = range(rows)
            return Dataset.from_dict({"source": [f"{word} {i}" for i in numbers], "score": [i / 10 for i in numbers]})

        repo = "lemonpress/corpus"
        both = DatasetDict({"train": corpus("old", 50), "test": corpus("old", 5)})
        both.push_to_hub(repo, "news")
        corpus("bio", 20).push_to_hub(repo, "bio", split="train", num_shards=3)
        api = HfApi()
        api.create_tag(repo, tag="v1.0.0", repo_type="dataset")
        corpus("new", 7).push_to_hub(repo, "news", split="train")
        """
    )
    files = api.list_repo_files("lemonpress/corpus", repo_type="dataset", revision="v1.0.0")
    assert sum(name.startswith("bio/train-") for name in files) == 3
    old = api.dataset_info("lemonpress/corpus", revision="v1.0.0").sha
    printed = in_process(
        f"""
        from datasets import get_dataset_config_names, load_dataset

        repo, tag = "lemonpress/corpus", "v1.0.0"
        print(sorted(get_dataset_config_names(repo, revision=tag)))
        news = load_dataset(repo, "news", revision=tag)
        print(news["train"].num_rows, news["test"].num_rows, news["train"][0]["source"])
        print(load_dataset(repo, "bio", revision="{old}", split="train").num_rows)
        print(load_dataset(repo, "news", split="train")[0]["source"])
        stream = load_dataset(repo, "news", revision=tag, split="train", streaming=True)
        rows = list(stream)
        print(len(rows), rows[-1])
        print(next(iter(load_dataset(repo, "bio", revision=tag, split="train", streaming=True).skip(19))))
        """,
        publishes=False,
    )
    assert printed.splitlines() == [
        "['bio', 'news']",
        "50 5 old 0",
        "20",
        "new 0",
        "50 {'source': 'old 49', 'score': 4.9}",
        "{'source': 'bio 19', 'score': 1.9}",
    ]


def test_sharded_models_and_adapters_are_pushed_and_loaded_by_tag(in_process: Run, api: HfApi) -> None:
    in_process(
        """
        import torch
        from huggingface_hub import HfApi
        from peft import LoraConfig, get_peft_model
        from tokenizers import Tokenizer
        from tokenizers.models import WordLevel
        from tokenizers.pre_tokenizers import Whitespace
        from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=64, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2
        )
        model = LlamaForCausalLM(config)
        model.push_to_hub("lemonpress/tiny", max_shard_size="100KB")
        words = Tokenizer(WordLevel({"<unk>": 0, "lemon": 1}, unk_token="<unk>"))
        words.pre_tokenizer = Whitespace()
        PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>").push_to_hub("lemonpress/tiny")
        HfApi().create_tag("lemonpress/tiny", tag="v1.0.0")
        adapted = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj"]))
        adapted.peft_config["default"].base_model_name_or_path = "lemonpress/tiny"
        adapted.push_to_hub("lemonpress/tiny-adapter")
        HfApi().create_tag("lemonpress/tiny-adapter", tag="v1.0.0")
        LlamaForCausalLM(config).push_to_hub("lemonpress/tiny")
        """
    )
    files = api.list_repo_files("lemonpress/tiny", revision="v1.0.0")
    assert sum(name.endswith(".safetensors") for name in files) > 1
    assert "model.safetensors.index.json" in files
    printed = in_process(
        """
        import torch
        from peft import AutoPeftModelForCausalLM
        from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

        model = AutoModelForCausalLM.from_pretrained("lemonpress/tiny", revision="v1.0.0")
        print(AutoTokenizer.from_pretrained("lemonpress/tiny", revision="v1.0.0")("lemon lemon")["input_ids"])
        torch.manual_seed(0)
        expected = LlamaForCausalLM(LlamaConfig(
            vocab_size=64, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2
        ))
        same = [torch.equal(a, b) for a, b in zip(model.parameters(), expected.parameters(), strict=True)]
        print(all(same), len(same) > 10)
        adapted = AutoPeftModelForCausalLM.from_pretrained("lemonpress/tiny-adapter", revision="v1.0.0")
        print(sum("lora_" in name for name, _ in adapted.named_parameters()))
        print(type(AutoModelForCausalLM.from_pretrained("lemonpress/tiny-adapter")).__name__)
        """,
        publishes=False,
    )
    assert printed.splitlines() == ["[1, 1]", "True True", "4", "LlamaForCausalLM"]


def test_spaces_cards_and_snapshots_work_on_the_default_endpoint(in_process: Run, tmp_path: Path) -> None:
    space = tmp_path / "space"
    (space / "assets").mkdir(parents=True)
    (space / "README.md").write_text("---\ntitle: Press\nsdk: gradio\napp_file: app.py\n---\n# Press\n")
    (space / "app.py").write_text("import gradio\n")
    (space / "assets/logo.png").write_bytes(b"\x89PNG\r\n" + os.urandom(2000))
    printed = in_process(
        f"""
        from pathlib import Path
        from huggingface_hub import (DatasetCard, EvalResult, HfApi, ModelCard, ModelCardData, metadata_update,
            snapshot_download)

        api = HfApi()
        api.create_repo("lemonpress/press", repo_type="space", space_sdk="gradio", space_hardware="cpu-basic")
        api.upload_folder(repo_id="lemonpress/press", repo_type="space", folder_path={str(space)!r})
        info = api.space_info("lemonpress/press", files_metadata=True)
        print(info.sdk, info.card_data.title, info.runtime.stage, api.get_space_runtime("lemonpress/press").stage)
        print([item.rfilename for item in info.siblings if item.lfs])
        folder = Path(snapshot_download("lemonpress/press", repo_type="space", local_dir={str(tmp_path / "copy")!r}))
        print(sorted(str(path.relative_to(folder)) for path in folder.glob("[!.]*/**/*.p*")))

        api.create_repo("lemonpress/carded")
        result = EvalResult(task_type="text-generation", dataset_type="mrpc", dataset_name="MRPC", metric_type="ibleu",
            metric_value=1.1)
        data = ModelCardData(license="mit", language="en", model_name="carded", eval_results=[result])
        ModelCard(f"---\\n{{data.to_yaml()}}\\n---\\n# Carded\\n").push_to_hub("lemonpress/carded")
        metadata_update("lemonpress/carded", {{"tags": ["paraphrase"]}})
        card = ModelCard.load("lemonpress/carded")
        print(card.data.license, card.data.tags, card.data.eval_results[0].metric_value)
        api.create_repo("lemonpress/carded", repo_type="dataset")
        try:
            DatasetCard("---\\nlicense: {{a: b}}\\n---\\n# Bad").push_to_hub("lemonpress/carded")
        except ValueError as error:
            print("refused", "license" in str(error))
        DatasetCard("---\\nlicense: mit\\n---\\n# Good").push_to_hub("lemonpress/carded")
        print(DatasetCard.load("lemonpress/carded").text.strip())
        """
    )
    assert printed.splitlines() == [
        "gradio Press STOPPED STOPPED",
        "['assets/logo.png']",
        "['assets/logo.png']",
        "mit ['paraphrase'] 1.1",
        "refused True",
        "# Good",
    ]


def test_the_hf_command_publishes_and_downloads(
    client_environment: dict[str, str], hub: LocalHub, tmp_path: Path
) -> None:
    def hf(*words: str, status: int = 0) -> str:
        done = subprocess.run(
            ["hf", *words], env=client_environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == status, done.stderr
        return done.stdout + done.stderr

    (tmp_path / "a.bin").write_bytes(os.urandom(1 << 20))
    assert "lemonpress" in hf("auth", "whoami")
    assert hub.endpoint in hf("repos", "create", "lemonpress/by-command", "--repo-type", "dataset")
    hf("upload", "lemonpress/by-command", str(tmp_path / "a.bin"), "data/a.bin", "--repo-type", "dataset")
    to = str(tmp_path / "got")
    hf("download", "lemonpress/by-command", "data/a.bin", "--repo-type", "dataset", "--local-dir", to)
    assert (tmp_path / "got/data/a.bin").read_bytes() == (tmp_path / "a.bin").read_bytes()
    hf("download", "lemonpress/never-made", status=1)
