"""The local Hub: a loopback server that the stock Hugging Face clients use through ``HF_ENDPOINT``."""
