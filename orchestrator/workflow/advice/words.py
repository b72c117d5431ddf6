"""Marks text for translation where nothing may be translated: pure modules know no language."""


def gettext_noop(text: str) -> str:
    """Return the text as it is; the tools that collect texts find it by this name."""
    return text
