"""`manage.py replay RUN`: whether everything the engine decided follows from the run's stream."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from orchestrator.history.replaying import Difference
from orchestrator.selectors import replays
from orchestrator.selectors.replays import Changed, Edited, Erased, Outcome, Replayed

BAD_INPUT = 64


class Command(BaseCommand):
    help = "Derives every decision of a run again from its stream and names the first difference."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", metavar="RUN", help="the id of the run")

    def handle(self, *args: Any, run: str, **options: Any) -> None:
        """Exit with 0 when everything follows, 1 when not, 64 when there is no such run."""
        try:
            outcome = replays.replay(UUID(run))
        except (LookupError, ValueError):
            detail = _("There is no run %(id)s.") % {"id": run}
            raise CommandError(detail, returncode=BAD_INPUT) from None
        self.stdout.write(said(outcome))
        if not isinstance(outcome, Replayed):
            raise SystemExit(1)


def said(outcome: Outcome) -> str:
    """Return what people read about a replay."""
    match outcome:
        case Replayed(events, decided):
            words = _("%(decided)d decisions follow from %(events)d events; no difference.")
            return words % {"decided": decided, "events": events}
        case Difference(seq, derived, recorded):
            words = _("Event %(seq)d differs.\n  derived:  %(derived)s\n  recorded: %(recorded)s")
            return words % {"seq": seq, "derived": derived, "recorded": recorded}
        case Edited(seq, fault):
            return _("Event %(seq)d was edited: %(fault)s") % {"seq": seq, "fault": fault}
        case Erased(seq):
            return _("Not replayable from seq %(seq)d: its payload was erased.") % {"seq": seq}
        case Changed(before, now):
            words = _("The definition changed: the run started with %(before)s, it is %(now)s.")
            return words % {"before": before[:16] or "\N{EM DASH}", "now": now[:16]}
