"""One level of a budget as arithmetic: what fits, what is held, what was spent.

The database does the same with conditional updates; this is the model that they are tested by,
and what decides whether somebody who did not fit waits or has to ask for more.
"""

from dataclasses import dataclass, replace
from typing import Literal

Answer = Literal["held", "wait", "exhausted"]


@dataclass(frozen=True, slots=True)
class Level:
    """A cap, and what of it is held and spent.

    `overrun` is by how much what was used ever went beyond the cap: `held + spent` is never above
    `cap + overrun`. What `renews` begins anew with its window, so only holds and time are in the
    way of whatever fits into the cap at all.
    """

    cap: int
    held: int = 0
    spent: int = 0
    overrun: int = 0
    renews: bool = False

    @property
    def left(self) -> int:
        """Return what may still be held; nothing where the cap was overrun."""
        return max(0, self.cap - self.held - self.spent)

    def answer(self, need: int) -> Answer:
        """Say whether `need` fits, is kept out by holds alone, or does not fit whoever lets go."""
        if self.held + self.spent + need <= self.cap:
            return "held"
        return "wait" if need <= self.cap - (0 if self.renews else self.spent) else "exhausted"

    def hold(self, need: int) -> "Level":
        """Return the level with `need` more held; raises ValueError where it does not fit."""
        if self.answer(need) != "held":
            raise ValueError(f"{need} does not fit into {self}")
        return replace(self, held=self.held + need)

    def settle(self, held: int, used: int) -> "Level":
        """Return the level after `held` was let go and `used` was spent, however much that is."""
        if not 0 <= held <= self.held or used < 0:
            raise ValueError(f"{held} is not held in {self}")
        kept, spent = self.held - held, self.spent + used
        overrun = max(self.overrun, kept + spent - self.cap)
        return replace(self, held=kept, spent=spent, overrun=overrun)
