"""The models that metrics ask: encoders of tokens, and what a classifier has to offer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from lemonpress.batching import BAR_FROM, batch_tokens, batches_by_length, longest_input
from lemonpress.errors import UserError
from lemonpress.kinds import check_weights, read_config
from lemonpress.sources import Model
from lemonpress.weights import bar_if_large, pick_device

if TYPE_CHECKING:
    import torch

Floats = npt.NDArray[np.float64]
TokenIds = Sequence[Sequence[int]]


class Classifier(Protocol):
    """A sequence classifier, such as `lemonpress.critics.classification.Classifier`."""

    def probabilities(self, ones: Sequence[str], others: Sequence[str] | None = None) -> Floats:
        """Probabilities of every label for texts, or for pairs of texts; shape (n, labels)."""


@dataclass(frozen=True)
class TokenEncoder:
    """A transformer encoder, cut after one of its layers.

    Attributes:
        name: Id and commit of the model.
        layer: Number of layers that are left.
        network: In evaluation mode, in float32.
        tokenizer: Its tokenizer.
        device: Where the network is.
        longest: Most tokens of a text, special ones included; the rest is cut off.
        has_pooler: Whether the checkpoint has weights for the layer that BERT puts on its first token.
    """

    name: str
    layer: int
    network: Any
    tokenizer: Any
    device: str
    longest: int
    has_pooler: bool

    @property
    def hidden(self) -> int:
        """Size of a token's vector."""
        return int(self.network.config.hidden_size)

    def tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, special tokens included."""
        if not texts:
            return []
        found = self.tokenizer(
            list(texts),
            truncation=True,
            max_length=self.longest,
            return_attention_mask=False,
            return_token_type_ids=False,
        )
        return list(found["input_ids"])

    def token_vectors(self, ids: TokenIds) -> "torch.Tensor":
        """Vectors of every token of some texts.

        Args:
            ids: Token ids of each text, at least one a text.

        Returns:
            Vectors of unit length on the encoder's device, text after text in the order given; shape
            (tokens, hidden).
        """
        import torch

        starts = np.cumsum([0, *map(len, ids)])
        vectors = torch.empty(int(starts[-1]), self.hidden, device=self.device)
        for rows, mask, output in self._outputs(ids):
            places = np.concatenate([np.arange(starts[row], starts[row + 1]) for row in rows])
            found = torch.nn.functional.normalize(output[0][mask], dim=-1)
            vectors[torch.from_numpy(places).to(self.device)] = found
        return vectors

    def first_vectors(self, ids: TokenIds, pooler: bool) -> npt.NDArray[np.float32]:
        """One vector for each text: that of its first token.

        Args:
            ids: Token ids of each text, at least one a text.
            pooler: Whether it goes through the pooler.

        Returns:
            Vectors of unit length, shape (texts, hidden).
        """
        import torch

        vectors = np.empty((len(ids), self.hidden), np.float32)
        for rows, _, output in self._outputs(ids):
            found = output.pooler_output if pooler else output[0][:, 0]
            vectors[rows] = torch.nn.functional.normalize(found, dim=-1).cpu().numpy()
        return vectors

    def _outputs(self, ids: TokenIds) -> Iterator[tuple[npt.NDArray[np.intp], "torch.Tensor", Any]]:
        """(Rows, mask, what the network makes of them) of each batch."""
        import torch
        from torch.nn.utils.rnn import pad_sequence
        from tqdm import tqdm

        # RoBERTa counts positions by the padding token; models without one look at the mask alone.
        padding = self.tokenizer.pad_token_id or 0
        lengths = np.array([len(one) for one in ids], np.int64)
        quiet = None if len(ids) >= BAR_FROM else True
        with tqdm(total=len(ids), desc="  encode", unit="text", leave=False, disable=quiet) as bar:
            for rows in batches_by_length(lengths, batch_tokens(self.device)):
                batch = pad_sequence(
                    [torch.tensor(ids[row]) for row in rows], batch_first=True, padding_value=padding
                ).to(self.device)
                sizes = torch.from_numpy(lengths[rows]).to(self.device)
                mask = torch.arange(batch.shape[1], device=self.device) < sizes[:, None]
                with torch.inference_mode():
                    output = self.network(input_ids=batch, attention_mask=mask.long())
                yield rows, mask, output
                bar.update(len(rows))


def check_token_encoder(model: Model, layer: int | None = None, where: str = "encoder") -> None:
    """Refuse what `load_token_encoder` would refuse, before anything is loaded.

    Raises:
        UserError: The model is an adapter, GGUF or no transformers encoder, or has no such layer.
    """
    _cut(model, layer, where)


def load_token_encoder(
    model: Model, layer: int | None = None, device: str = "auto", where: str = "encoder"
) -> TokenEncoder:
    """Load a transformer encoder, or the encoder of an encoder-decoder model, up to one of its layers.

    Layers above it are not loaded, so that nothing is computed for them. A norm that the architecture puts on its last
    layer (T5's, ModernBERT's) is then put on this one.

    Args:
        model: A resolved transformers model with safetensors weights.
        layer: Number of the layer whose vectors are taken, from 1; the last one by default.
        device: ``auto`` takes the first GPU where there is one, else the CPU.
        where: What it is for, in error messages.

    Raises:
        UserError: The model is an adapter, GGUF or no transformers encoder, or has no such layer.
    """
    import torch
    from transformers import AutoModel, AutoTokenizer

    config, layer = _cut(model, layer, where)
    for name in ("num_hidden_layers", "encoder_layers"):  # BART counts its encoder's apart
        if hasattr(config, name):
            setattr(config, name, layer)
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:layer]
    place = pick_device(device)
    with bar_if_large(model.folder):
        network, loading = AutoModel.from_pretrained(
            model.folder, config=config, dtype=torch.float32, output_loading_info=True
        )
    if config.is_encoder_decoder:
        network = network.get_encoder()
    tokenizer = AutoTokenizer.from_pretrained(model.folder)
    has_pooler = getattr(network, "pooler", None) is not None and not any(
        "pooler" in key for key in loading["missing_keys"]
    )
    return TokenEncoder(
        model.name,
        layer,
        network.to(place).eval(),
        tokenizer,
        place,
        longest_input(config, tokenizer),
        has_pooler,
    )


def _cut(model: Model, layer: int | None, where: str) -> tuple[Any, int]:
    """The configuration of an encoder, and the layer that is meant."""
    from transformers import AutoConfig

    if model.gguf is not None or model.base is not None:
        kind = "GGUF weights" if model.gguf is not None else "an adapter"
        raise UserError(f"{where}: {model.id} is {kind}; give an encoder with safetensors weights of its own")
    read_config(model, where)
    check_weights(model, where)
    config = AutoConfig.from_pretrained(model.folder)
    layers = getattr(config, "num_hidden_layers", None)
    if not isinstance(layers, int):
        raise UserError(f"{where}: {model.id} names no number of layers in config.json; give a text encoder")
    layer = layers if layer is None else layer
    if not 1 <= layer <= layers:
        raise UserError(f"{where}: {model.id} has the layers 1 to {layers}, not {layer}; name one of these")
    return config, layer
