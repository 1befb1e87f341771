"""Asking models on servers of the OpenAI protocol: every answer kept, none paid twice, within a budget."""
