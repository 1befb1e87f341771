"""Round-trip translation: paraphrases by way of another language."""

import json
from collections.abc import Sequence
from functools import partial

from lemonpress.engine.local import Tick
from lemonpress.errors import UserError
from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.evaluation.writing import System, Write, Written, answered, unseen
from lemonpress.recipes.evaluation import DecodingSettings, RoundTrip
from lemonpress.sources import Model, resolve
from lemonpress.students.generate import Writer
from lemonpress.weights import language_model_kind, ordinary_folder

# Tokenizers that must be told from which language into which.
_MULTILINGUAL = ("M2M100Tokenizer", "MBart50Tokenizer", "MBartTokenizer", "NllbTokenizer")


def open_round_trip(name: str, settings: RoundTrip) -> System:
    """Find two translation models.

    Raises:
        UserError: A model does not translate, a prompt lacks the sentence, or languages are missing or too many.
    """
    where = f"system {name}"
    there = resolve(settings.there, settings.there_revision, where=f"{where}.there")
    back = resolve(settings.back, settings.back_revision, where=f"{where}.back")
    for model in (there, back):
        if language_model_kind(model, where) != "seq2seq":
            raise UserError(f"{where}: {model.id} is no encoder-decoder model; give translation models")
    prompts = (settings.there_prompt, settings.back_prompt)
    for prompt in prompts:
        if "{source}" not in prompt:
            raise UserError(f"{where}: prompt {prompt!r} lacks {{source}}; write where the sentence goes")
    languages = settings.languages
    for model in (there, back):
        kind = _tokenizer_class(model)
        if (kind in _MULTILINGUAL) != (languages is not None):
            told = "knows many languages; name two as languages" if languages is None else "knows two languages alone"
            raise UserError(f"{where}: {model.id} {told}, such as [eng_Latn, deu_Latn] of NLLB")
    key = {
        "system": "round_trip",
        "weights": [there.commit, back.commit],
        "prompts": prompts,
        "languages": languages,
    }

    def opened() -> Write:
        loaded = [Writer.load(ordinary_folder(model)) for model in (there, back)]
        if languages is not None:
            _speak(loaded[0], languages[0], languages[1], where)
            _speak(loaded[1], languages[1], languages[0], where)
        return partial(_write_there_and_back, loaded, prompts)

    return System(name, key, opened, decodes=True)


def _tokenizer_class(model: Model) -> str:
    file = ordinary_folder(model) / "tokenizer_config.json"
    try:
        found = json.loads(file.read_text(encoding="utf-8")).get("tokenizer_class", "")
    except (OSError, ValueError, AttributeError):
        return ""
    return str(found).removesuffix("Fast")


def _speak(writer: Writer, source: str, target: str, where: str) -> None:
    """Let a model of many languages translate from one into another."""
    tokenizer = writer.tokenizer
    named = map(tokenizer.convert_tokens_to_ids, (target, f"__{target}__"))  # as NLLB and as M2M100 write it
    known = [token for token in named if token is not None and token != tokenizer.unk_token_id]
    if not known:
        raise UserError(f"{where}.languages: the model has no language {target!r}; its card lists them")
    tokenizer.src_lang = source
    writer.model.generation_config.forced_bos_token_id = known[0]


def _write_there_and_back(
    writers: Sequence[Writer], prompts: Sequence[str], benchmark: Benchmark, decoding: DecodingSettings, tick: Tick
) -> Written:
    texts = list(benchmark.sources)
    parts: list[Written] = []
    # Each sentence counts as rewritten when it is back.
    for writer, prompt, seen in zip(writers, prompts, (unseen, tick), strict=True):
        filled = [prompt.replace("{source}", " ".join(text.split())) for text in texts]
        parts.append(answered(writer, filled, decoding, seen))
        texts = parts[-1].texts
    return Written(
        texts,
        sum(part.parameters or 0 for part in parts),
        sum(part.tokens or 0 for part in parts),
        sum(part.seconds or 0.0 for part in parts),
        parts[-1].timing,
    )
