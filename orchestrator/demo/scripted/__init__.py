"""A model that says what a script tells it to, at an OpenAI-compatible endpoint on loopback.

Scripts drive conversation, never findings: what tools and programs report is theirs alone.
"""
