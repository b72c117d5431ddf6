"""The three answers to who asks for a part of a budget."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Held:
    """It fits and is held. `finer` says that budgets of an agent or a model hold it as well."""

    amounts: Mapping[str, int] = field(default_factory=dict)
    finer: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Only what others hold, or a window that ends, is in the way: it may fit later by itself."""

    unit: str
    where: str
    need: int
    left: int


@dataclass(frozen=True, slots=True)
class Exhausted:
    """Too much is spent, or the cap was always too small: only people can help, by raising it."""

    unit: str
    where: str
    need: int
    left: int


Short = Wait | Exhausted
Answer = Held | Short
