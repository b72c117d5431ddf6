"""One Celery worker, as its command line would start it but without loading a command line."""

import os
import sys
import warnings

from celery.apps.worker import Worker
from celery.signals import worker_ready

from orchestrator.celery import app
from orchestrator.supervisor.child import READY

PROCESSES = 2


@worker_ready.connect
def tell(**_: object) -> None:
    """Say so on the real standard output, where whoever started us waits for it."""
    print(READY, file=sys.__stdout__, flush=True)


def main(name: str, queues: str) -> int:
    """Work on `queues`, separated by commas, until SIGTERM; return the exit code."""
    # Celery warns about root, which is harmless while messages are JSON, and would run Django's
    # checks, URLs and all, which `up` and the tests have done.
    warnings.filterwarnings("ignore", message="You're running the worker with superuser")
    os.environ["CELERY_SKIP_CHECKS"] = "true"
    worker = Worker(
        app=app,
        hostname=name,
        queues=queues.split(","),
        pool="prefork",
        concurrency=PROCESSES,
        loglevel="WARNING",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
