"""Agents that are a language model behind an OpenAI-compatible endpoint."""
