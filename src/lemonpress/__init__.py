"""Lemonpress presses paraphrase and summary corpora out of small language models and publishes them."""

__version__ = "0.1.0"
