"""Finds out when the web process answers that everything behind it works."""

import json
import threading
import urllib.error
import urllib.request

PAUSE_SECONDS = 0.1
ANSWER_SECONDS = 30


class Readiness(threading.Thread):
    """Asks until the answer is yes. `missing` says why it is not."""

    def __init__(self, port: int) -> None:
        super().__init__(name="readiness", daemon=True)
        self._url = f"http://127.0.0.1:{port}/healthz/ready"
        self._reached = threading.Event()
        self._given_up = threading.Event()
        self.missing = SILENCE

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
        asked = {"Host": "localhost"}
        request = urllib.request.Request(self._url, headers=asked)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS):  # noqa: S310 - loopback
                return ""
        except urllib.error.HTTPError as error:
            with error:
                return _first_problem(error.read())
        except OSError:
            return SILENCE


SILENCE = "the web process does not answer"


def _first_problem(body: bytes) -> str:
    try:
        checks: dict[str, str] = json.loads(body)["checks"]
    except (ValueError, KeyError):
        return "the web process answers with an error"
    return next((detail for detail in checks.values() if detail != "ok"), "")
