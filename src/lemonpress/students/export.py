"""Students for machines without a GPU: converted to CTranslate2, and compared with what they were before.

CTranslate2 runs causal (Llama, GPT-2 and others) and encoder-decoder students (T5, mT5, BART) from one kind of folder.
"""

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lemonpress.assets import asset
from lemonpress.errors import UserError
from lemonpress.evaluation import benchmark
from lemonpress.recipes import Task
from lemonpress.sources import Model, resolve
from lemonpress.students import contract as contracts
from lemonpress.students.contract import Contract
from lemonpress.students.generate import Student
from lemonpress.students.prompts import completion, prompt
from lemonpress.teachers.decode import decode
from lemonpress.weights import language_model_kind, ordinary_folder

QUANTIZATIONS = ("auto", "float32", "bfloat16", "int8")
"""How weights are stored; ``auto`` keeps their type. All but int8 compute in float32."""

FILE = "export.json"

Floats = npt.NDArray[np.float64]

_SAMPLE = 40  # sentences, spread over the shipped ones
_SAMPLE_TOKENS = 48
_BATCH = 16
# Mean change of a token's log-probability, in nats. A right conversion moves it by 1e-5, 8 bits by 0.1; logits scaled
# when they should not be, by several.
_KEPT, _ROUNDED = 0.02, 0.5


@dataclass(frozen=True)
class Exported:
    """A converted student, and how it compares with eager transformers in float32.

    Attributes:
        folder: Where it is; see `ExportedStudent.load`.
        quantization: How its weights are stored: float32, bfloat16, float16 or int8.
        sentences: Sentences of the sample.
        identical: How many of them it rewrites greedily in exactly the same words.
        change: Mean absolute change of the log-probability of a token, in nats, over human rewritings of the sample.
    """

    folder: Path
    quantization: str
    sentences: int
    identical: int
    change: float


@dataclass(frozen=True)
class ExportedStudent:
    """A loaded export; see `load`. It runs without torch.

    Attributes:
        engine: A `ctranslate2.Generator`, or a `ctranslate2.Translator` where the student has an encoder.
        tokenizer: Its tokenizer.
        contract: What it was trained on, with its prompts (see `lemonpress.students.prompts.prompt`).
        ends: Tokens that end a text.
        first: Tokens that every text of an encoder-decoder student begins with.
    """

    engine: Any
    tokenizer: Any
    contract: Contract
    ends: tuple[int, ...]
    first: tuple[str, ...]

    @classmethod
    def load(cls, folder: Path, threads: int = 0) -> "ExportedStudent":
        """Load what `export` wrote.

        Args:
            folder: The exported folder.
            threads: CPU threads; 0 leaves the number to CTranslate2.

        Raises:
            UserError: CTranslate2 is not installed, or the folder holds no export.
        """
        _check_installed()
        if not (folder / FILE).is_file():
            raise UserError(f"{folder}: holds no exported student (no {FILE}); make one with lemonpress export")
        import ctranslate2
        from transformers import AutoTokenizer

        about = json.loads((folder / FILE).read_text(encoding="utf-8"))
        engine = ctranslate2.Generator if about["kind"] == "causal" else ctranslate2.Translator
        return cls(
            engine(str(folder), device="cpu", compute_type=_arithmetic(about["quantization"]), intra_threads=threads),
            AutoTokenizer.from_pretrained(folder),
            contracts.read(folder, about["kind"]),
            tuple(about["ends"]),
            tuple(about["first"]),
        )

    def greedy(self, prompts: Sequence[str], max_new_tokens: int = 64) -> list[str]:
        """The texts that take the likeliest token each time.

        Args:
            prompts: What the student reads.
            max_new_tokens: Tokens a text at most.

        Returns:
            One text a prompt, without special tokens.
        """
        return [texts[0] for texts in self.beams(prompts, 1, max_new_tokens)]

    def beams(self, prompts: Sequence[str], n: int, max_new_tokens: int = 64) -> list[list[str]]:
        """The likeliest texts of a search with `n` beams.

        Args:
            prompts: What the student reads.
            n: Texts a prompt; 1 is greedy.
            max_new_tokens: Tokens a text at most.

        Returns:
            For each prompt `n` texts without special tokens, the likeliest first.
        """
        search = {
            "beam_size": n,
            "num_hypotheses": n,
            "end_token": list(self.ends),
            "max_batch_size": max(1, _BATCH // n),
        }
        read = self._read(prompts)
        if self.contract.kind == "causal":
            found = self.engine.generate_batch(
                read, max_length=max_new_tokens, include_prompt_in_result=False, **search
            )
            written = [one.sequences_ids for one in found]
        else:
            skipped = len(self.first)
            found = self.engine.translate_batch(
                read,
                [list(self.first)] * len(read),
                min_decoding_length=0,
                max_decoding_length=skipped + max_new_tokens,
                **search,
            )
            written = [
                [self.tokenizer.convert_tokens_to_ids(tokens[skipped:]) for tokens in one.hypotheses] for one in found
            ]
        return [self.tokenizer.batch_decode(texts, skip_special_tokens=True) for texts in written]

    def log_probabilities(self, prompts: Sequence[str], answers: Sequence[Sequence[int]]) -> list[Floats]:
        """How likely the student finds given texts.

        Args:
            prompts: What the student reads.
            answers: For each prompt the tokens of a text.

        Returns:
            For each prompt the log-probability of each token of its text, in nats.
        """
        read, said = self._read(prompts), [self.tokenizer.convert_ids_to_tokens(list(ids)) for ids in answers]
        if self.contract.kind == "causal":
            asked = [[*one, *other] for one, other in zip(read, said, strict=True)]
            found = self.engine.score_batch(asked, max_batch_size=_BATCH)
            starts = [len(one) - 1 for one in read]  # the first token of all has no log-probability
        else:
            asked = [[*self.first, *one] for one in said]
            found = self.engine.score_batch(read, asked, max_batch_size=_BATCH)
            starts = [len(self.first)] * len(read)
        rows = zip(found, starts, said, strict=True)
        return [np.array(one.log_probs[start : start + len(tokens)]) for one, start, tokens in rows]

    def _read(self, prompts: Sequence[str]) -> list[list[str]]:
        return [self.tokenizer.convert_ids_to_tokens(ids) for ids in self.tokenizer(list(prompts)).input_ids]


def check_export(out: Path, quantization: str) -> None:
    """Refuse what cannot work, before a model is fetched or loaded.

    Args:
        out: Folder to write.
        quantization: One of `QUANTIZATIONS`.

    Raises:
        UserError: CTranslate2 is not installed, the quantization is unknown, or the folder is a file or not empty.
    """
    _check_installed()
    if quantization not in QUANTIZATIONS:
        raise UserError(f"quantization: {quantization!r} is none of {', '.join(QUANTIZATIONS)}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out}: is there already; give a new or an empty folder")


def export(student_folder: Path, out: Path, quantization: str = "auto") -> Exported:
    """Convert a student, or a base, and compare it with eager transformers in float32.

    Args:
        student_folder: A publishable tree (`lemonpress.students.tree`) or another folder with whole weights.
        out: Folder to write, new or empty; it appears when all of it is written and compared.
        quantization: auto, float32, bfloat16 or int8.

    Raises:
        UserError: What `check_export` refuses, a folder without such a model, an architecture that CTranslate2 does
            not convert, or a converted model that computes something else.
    """
    check_export(out, quantization)
    return export_model(resolve(str(student_folder.absolute()), where="student"), out, quantization)


def export_model(model: Model, out: Path, quantization: str = "auto") -> Exported:
    """Convert a resolved model once `check_export` has passed; see `export`."""
    kind = language_model_kind(model, "student")
    folder = ordinary_folder(model)
    stored = _stored(folder) if quantization == "auto" else quantization
    parent = out.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".made-", dir=parent))
    try:
        made = scratch / "made"  # scratch is private, and an export should not be
        try:
            _convert(folder, made, stored)
            student = Student.load(folder, dtype="float32", device="cpu")
            about = {"kind": kind, "quantization": stored, "ends": student.ends, "first": _first(student)}
            _write_beside(made, student, folder, about)
            sentences, identical, change = _compare(ExportedStudent.load(made), student)
        # What the converter raises for a configuration that it does not know, or not in full, and the engine for
        # shapes that it cannot compute with.
        except (ValueError, KeyError, NotImplementedError, AttributeError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:160]
            raise UserError(f"student: CTranslate2 cannot run {model.id} ({reason}); use transformers") from error
        rounded = quantization in ("bfloat16", "int8")
        if not change <= (_ROUNDED if rounded else _KEPT):
            remedy = "export it as auto" if rounded else "use transformers"
            raise UserError(f"student: as {stored} {model.id} changes by {change:.2f} nats a token; {remedy}")
        made.rename(out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return Exported(out, stored, sentences, identical, change)


def _check_installed() -> None:
    if find_spec("ctranslate2") is None:
        raise UserError("ctranslate2 is not installed; pip install 'lemonpress[export]'")


def _arithmetic(quantization: str) -> str:
    """What CTranslate2 computes in on a CPU, the same on every machine."""
    return "int8_float32" if quantization == "int8" else "float32"


def _stored(folder: Path) -> str:
    """The type of the weights, as their configuration has it."""
    from transformers import AutoConfig

    return str(AutoConfig.from_pretrained(folder).dtype or "float32").removeprefix("torch.")


def _convert(folder: Path, out: Path, stored: str) -> None:
    """Write the model in CTranslate2's format."""
    from ctranslate2.converters import TransformersConverter

    class Converter(TransformersConverter):
        def load_model(self, *args: Any, **settings: Any) -> Any:
            model = super().load_model(*args, **settings)
            config = model.config
            if config.model_type in ("t5", "mt5"):
                # CTranslate2 scales the logits of a T5 whose embeddings are tied. transformers 5 calls every T5 tied,
                # and says apart from that whether its logits are scaled; those of an mT5 never are.
                config.tie_word_embeddings = getattr(config, "scale_decoder_outputs", False)
            if config.model_type == "bart":
                config.normalize_before = False  # CTranslate2 reads it, and transformers 5 has it no more
            return model

    Converter(str(folder)).convert(str(out), quantization=stored)


def _first(student: Student) -> list[str]:
    forced = student.model.generation_config.forced_bos_token_id
    if student.contract.kind == "causal" or forced is None:
        return []
    return [student.tokenizer.convert_ids_to_tokens(forced)]


def _write_beside(made: Path, student: Student, folder: Path, about: dict[str, Any]) -> None:
    """Put what writing texts needs beside the weights."""
    student.tokenizer.save_pretrained(made)
    if (folder / contracts.FILE).is_file():
        shutil.copy(folder / contracts.FILE, made)
    (made / FILE).write_text(json.dumps(about) + "\n", encoding="utf-8")


def _compare(exported: ExportedStudent, student: Student) -> tuple[int, int, float]:
    """How many sentences were rewritten, how many alike, and the mean change of a token's log-probability."""
    shipped = benchmark.load(asset("data/heldout.jsonl"), "paraphrase")
    places = range(0, len(shipped.sources), len(shipped.sources) // _SAMPLE)
    task: Task = "paraphrase" if "paraphrase" in student.contract.tasks else "summary"
    prompts = [prompt(task, shipped.sources[place], student.contract.formats) for place in places]
    eager = decode(student.model, student.tokenizer, prompts, None, student.ends, _SAMPLE_TOKENS)
    texts = exported.greedy(prompts, _SAMPLE_TOKENS)
    identical = sum(text == other for text, [other] in zip(texts, eager, strict=True))

    answers = [completion(shipped.references[place][0], student.contract.kind) for place in places]
    ids = student.tokenizer(answers, add_special_tokens=False).input_ids
    found = exported.log_probabilities(prompts, ids)
    expected = [_log_probabilities(student, *one) for one in zip(prompts, ids, strict=True)]
    change = np.abs(np.concatenate(expected) - np.concatenate(found)).mean()
    return len(prompts), identical, float(change)


def _log_probabilities(student: Student, text: str, answer: Sequence[int]) -> Floats:
    """Log-probability of each token of an answer, by eager transformers."""
    import torch

    model = student.model
    read = student.tokenizer(text, return_tensors="pt").input_ids
    said = torch.tensor([list(answer)])
    with torch.inference_mode():
        if student.contract.kind == "causal":
            logits = model(input_ids=torch.cat([read, said], dim=1)).logits[:, read.shape[1] - 1 : -1]
        else:
            settings = model.generation_config
            given = [one for one in (settings.decoder_start_token_id, settings.forced_bos_token_id) if one is not None]
            before = torch.cat([torch.tensor([given]), said[:, :-1]], dim=1)
            logits = model(input_ids=read, decoder_input_ids=before).logits[:, len(given) - 1 :]
    chances: Floats = logits.log_softmax(-1).gather(-1, said[..., None])[0, :, 0].double().numpy()
    return chances
