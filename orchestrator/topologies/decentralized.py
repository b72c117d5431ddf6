"""Peers bid for work, a rule of the file awards it (contract net; R. G. Smith, 1980).

The control plane validates and records, and never selects: the award is a pure function of
sealed bids that any worker evaluates, under the run's lock, once all of them are in or their
time is over.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.patterns.announcers import ANNOUNCED_BY
from orchestrator.patterns.base import Ask, Finish, History, Move, Note, PlannedStep, Start, Wait
from orchestrator.patterns.placing import left_over
from orchestrator.topologies import again
from orchestrator.topologies.announcement import Announcement
from orchestrator.topologies.papers import NOBODY_TOOK_IT, rules_of


class Decentralized:
    """Announces work whose alias has peers, awards it, and names who acknowledged the award.

    One that declines, fails or is late loses it to the next bid; one that goes out of service
    later on does too. Where nobody is left the work is announced again, a bounded number of
    times, and then a person is asked, who may announce it once more. An alias without peers is
    assigned as it is named.
    """

    name = "decentralized"

    def assign(self, step: PlannedStep, history: History) -> str | Move:
        """Return who does it, or what has to be asked first; equal histories, equal answers."""
        if step.agent not in history.options["peers"]:
            return step.agent
        made = announcements(step, history)
        for number, announcement in enumerate(made if made[0].peers else ()):
            answer = _answer(announcement, made[number - 1] if number else None)
            if answer is not None:
                return answer
        return _nobody(made[-1], len(made))


def announcements(step: PlannedStep, history: History) -> list[Announcement]:
    """Return every announcement of the step that was made or may be, in order."""
    rules, peers = rules_of(history.options), history.options["peers"][step.agent]
    barred = _barred(step, peers, history.options) if rules.no_self_award else ()
    asked = tuple(name for name in peers if name not in barred)
    times = 1 + rules.max_reannounce + again.times(step.options)
    return [Announcement(step, history, rules, asked, n, barred) for n in range(times)]


def _barred(step: PlannedStep, peers: Sequence[str], terms: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the peers that have the work from their own owner, or from themselves."""
    named = step.options.get(ANNOUNCED_BY, ())
    announcers = [alias for alias in named if alias not in terms["peers"]]
    return tuple(
        name for name in peers if not all(_are_strangers(name, one, terms) for one in announcers)
    )


def _are_strangers(one: str, other: str, terms: Mapping[str, Any]) -> bool:
    """Whether two aliases mean different agents of different owners; unknown means no.

    Another version of an agent is the same agent, whoever owns it.
    """
    who, owners = terms["who"], terms["owners"]
    first, second = owners.get(one), owners.get(other)
    is_other_agent = who.get(one, one) != who.get(other, other)
    return is_other_agent and None not in {first, second} and first != second


def _answer(one: Announcement, before: Announcement | None) -> str | Move | None:
    """Return what follows from an announcement; None once it came to nothing."""
    if not one.is_made:
        return _announced(one, before)
    if not one.is_full and (reason := one.waits_for("bid", one.peers, "bids-due")):
        return Wait(reason)
    if one.has_ballot and "votes-due" not in one.children:
        return _start(one, one.call_for_votes())
    if one.has_ballot and (reason := one.waits_for("vote", one.voters, "votes-due")):
        return Wait(reason)
    return _awarded(one)


def _announced(one: Announcement, before: Announcement | None) -> Start:
    told = {
        "announcement": one.id,
        "agent": one.step.agent,
        "peers": list(one.peers),
        "award": one.rules.award,
        "number": one.number,
        **({"barred": list(one.barred)} if one.barred else {}),
        **(before.outcome() if before else {}),
    }
    return _start(one, one.call_for_bids(), Note("contract.announced", "rule", told))


def _awarded(one: Announcement) -> str | Move | None:
    """Return who took the work, or ask the next in rank whether they do; None: nobody does."""
    last = ""
    for name in one.ranking:
        if not one.was_asked(name):
            if not one.is_gone(name):
                return _start(one, one.question_to(name), _award(one, name, last))
            continue
        if one.has_accepted(name) and not one.is_gone(name):
            return name
        if reason := one.waits_for("ack", [name], f"due-{name}"):
            return Wait(reason)
        last = name
    return None


def _award(one: Announcement, winner: str, last: str) -> Note:
    """Return what is said of an award: the first opens all bids, the next only passes it on."""
    if last:
        passed = {"from": last, "to": winner, "because": one.why_not(last)}
        return Note("award.passed_on", "rule", {"announcement": one.id, **passed})
    told = {
        "announcement": one.id,
        "award": one.rules.award,
        "winner": winner,
        "ranking": list(one.ranking),
        "bids": one.opened(),
    }
    if one.has_ballot:
        told["votes"] = {name: dict(paper) for name, paper in one.votes.items()}
    return Note("award.made", "rule", told)


def _nobody(last: Announcement, times: int) -> Finish:
    detail = f"None of {', '.join(last.peers)} took the work, which was announced {times} times."
    if not last.peers:
        detail = f"The work is for {', '.join(last.barred)} alone, and comes from their own owner."
    told = {"announcement": last.id, **last.outcome()}
    return Finish(
        "escalated",
        error_code=NOBODY_TOOK_IT,
        detail=detail,
        cancel=left_over(last.history),
        notes=[Note("contract.void", "rule", told)],
    )


def _start(one: Announcement, asks: Sequence[Ask], *notes: Note) -> Start:
    return Start(asks, cancel=left_over(one.history), notes=notes)
