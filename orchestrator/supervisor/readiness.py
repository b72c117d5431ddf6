"""Finds out when everything that was started can take work."""

import json
import threading
import urllib.error
import urllib.request

from orchestrator.celery import app
from orchestrator.supervisor import plans

PAUSE_SECONDS = 0.1
ANSWER_SECONDS = 5


class Readiness(threading.Thread):
    """Asks the web process and the workers until all are ready. `missing` says who is not."""

    def __init__(self, port: int) -> None:
        super().__init__(name="readiness", daemon=True)
        self._url = f"http://127.0.0.1:{port}/healthz/ready"
        self._reached = threading.Event()
        self._given_up = threading.Event()
        self.missing = "the web process does not answer"

    def run(self) -> None:
        while not self._given_up.is_set():
            self.missing = self._ask()
            if not self.missing:
                self._reached.set()
                return
            self._given_up.wait(PAUSE_SECONDS)

    def is_reached(self) -> bool:
        """Whether everything has been ready once."""
        return self._reached.is_set()

    def give_up(self) -> None:
        """Stop asking."""
        self._given_up.set()

    def _ask(self) -> str:
        return self._ask_web() or self._ask_workers()

    def _ask_web(self) -> str:
        request = urllib.request.Request(self._url, headers={"Host": "localhost"})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS):  # noqa: S310 - loopback
                return ""
        except urllib.error.HTTPError as error:
            with error:
                return _first_problem(error.read())
        except OSError:
            return "the web process does not answer"

    def _ask_workers(self) -> str:
        names = [plans.node_name(name) for name in plans.WORKERS]
        answers = app.control.ping(destination=names, timeout=1, limit=len(names)) or []
        silent = set(names) - {name for answer in answers for name in answer}
        return f"worker {min(silent).partition('@')[0]} does not answer" if silent else ""


def _first_problem(body: bytes) -> str:
    try:
        checks: dict[str, str] = json.loads(body)["checks"]
    except (ValueError, KeyError):
        return "the web process answers with an error"
    return next((detail for detail in checks.values() if detail != "ok"), "")
