"""Where a step stands in a run: `block/step`, and `block#2/step` for a block done again."""

import re

_ITERATION = re.compile(r"#[0-9]+")


def joined(block: str, path: str) -> str:
    """Return the absolute path of a block's child; the root block has no path."""
    return f"{block}/{path}" if block else path


def inside(path: str, iteration: int) -> str:
    """Return what the paths of a block's children begin with, different each time it is done."""
    return f"{path}#{iteration}" if iteration else path


def declared(path: str) -> str:
    """Return where the file declares the step: `scans#1/17/fix` is `scans/do/fix`.

    The branches that a foreach makes are numbered, and all of them are its `do`.
    """
    parts = _ITERATION.sub("", path).split("/")
    return "/".join("do" if part.isdigit() else part for part in parts)
