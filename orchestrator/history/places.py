"""How events name a step: by its path, and for one done again which time it is (`turn#2`)."""

Key = tuple[str, int]


def key_of(place: str) -> Key:
    """Return path and iteration; raises ValueError for what names no step."""
    block, slash, name = place.rpartition("/")
    name, _, iteration = name.partition("#")
    return f"{block}{slash}{name}", int(iteration or 0)


def blocks_around(path: str) -> list[str]:
    """Return the paths that begin those of the steps of each block around a step, outermost first.

    They carry the block's iteration, as paths inside of it do.
    """
    parts = path.split("/")[:-1]
    return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
