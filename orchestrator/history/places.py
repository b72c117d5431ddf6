"""How events name a step: by its path, and for one done again which time it is (`turn#2`)."""

Key = tuple[str, int]


def key_of(place: str) -> Key:
    """Return path and iteration; raises ValueError for what names no step.

    The path of an undo names a step that may have been done again itself: `undo/ship/turn#6#2`.
    """
    block, slash, name = place.rpartition("/")
    name, mark, iteration = name.rpartition("#") if "#" in name else (name, "", "")
    return f"{block}{slash}{name}", int(iteration) if mark else 0


def blocks_around(path: str) -> list[str]:
    """Return the paths that begin those of the steps of each block around a step, outermost first.

    They carry the block's iteration, as paths inside of it do.
    """
    parts = path.split("/")[:-1]
    return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
