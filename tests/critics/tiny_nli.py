"""Tiny random sequence classifiers, for arithmetic and shapes."""

from pathlib import Path

WORDS = ("the", "a", "mayor", "bridge", "opened", "closed", "by", "was", "on", "friday", "monday", "12", ".", ",")


def save_tiny_bert(
    folder: Path, labels: list[str], problem_type: str | None = None, seed: int = 0, positions: int = 64
) -> Path:
    """Save a random two-layer BERT classifier with a word-level tokenizer."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=positions)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = BertConfig(
            vocab_size=len(vocabulary),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            max_position_embeddings=positions,
            initializer_range=0.6,
            num_labels=len(labels),
            id2label=dict(enumerate(labels)),
            label2id={label: number for number, label in enumerate(labels)},
            problem_type=problem_type,
        )
        BertForSequenceClassification(config).eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
