"""Runs the steward until it is told to stop."""

import os
import secrets
import signal
import socket
from threading import Event

from django.core.management.base import BaseCommand

from orchestrator.services import steward


class Command(BaseCommand):
    help = "Sweeps, expires and hands out what is due; a second one waits for the first to fail."

    def handle(self, *args: object, **options: object) -> None:
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        steward.serve(holder=holder, stop=stop)
