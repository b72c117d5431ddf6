from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.selectors.verification import Count, faults
from audit.types import StreamKey

BAD_INPUT = 64


class Command(BaseCommand):
    help = "Recompute every hash of the log and name the first event of each stream that is wrong."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--stream", help="check one stream only, such as run:9f1c4b0e-...")

    def handle(self, *args: Any, stream: str | None, **options: Any) -> None:
        """Exit with 0 when everything is intact, 1 when anything is not, 64 for a bad name."""
        count = Count()
        found = 0
        for fault in faults(count, _key(stream)):
            found += 1
            self.stdout.write(str(fault))
        if stream and not count.streams:
            raise CommandError(_("There is no stream %(name)s in the log.") % {"name": stream})
        if found:
            raise SystemExit(1)
        self.stdout.write(_closing_line(count))


def _key(stream: str | None) -> StreamKey | None:
    try:
        return StreamKey.parse(stream) if stream else None
    except ValueError as error:
        raise CommandError(str(error), returncode=BAD_INPUT) from None


def _closing_line(count: Count) -> str:
    events = ngettext("%(n)d event", "%(n)d events", count.events) % {"n": count.events}
    streams = ngettext("%(n)d stream", "%(n)d streams", count.streams) % {"n": count.streams}
    return ngettext(
        "%(events)s in %(streams)s is intact", "%(events)s in %(streams)s are intact", count.events
    ) % {"events": events, "streams": streams}
