"""Who of those that wait for each other in a circle has to give way. Pure, so it can be tested.

Everybody who looks comes to the same answer: in every circle the youngest gives way.
"""

from collections.abc import Collection, Mapping

Waits = Mapping[str, Collection[str]]


def victims(waits: Waits, age: Mapping[str, object]) -> list[str]:
    """Return who gives way, by `waits` (whom each waits for) and `age` (greater is younger)."""
    left, found = dict(waits), []
    while circle := _circle(left):
        youngest = max(circle, key=lambda name: (age[name], name))
        found.append(youngest)
        del left[youngest]
    return found


def _circle(waits: Waits) -> set[str]:
    """Return everybody of one circle, or nobody."""
    for name in sorted(waits):
        behind = _reached(name, waits)
        if name in behind:
            return {other for other in behind if name in _reached(other, waits)}
    return set()


def _reached(name: str, waits: Waits) -> set[str]:
    """Return everybody that `name` waits for, directly or through others."""
    seen: set[str] = set()
    ahead = list(waits.get(name, ()))
    while ahead:
        other = ahead.pop()
        if other not in seen and other in waits:
            seen.add(other)
            ahead.extend(waits[other])
    return seen
