import signal


class StopSignal:
    """Ctrl-C, SIGTERM or a closed terminal: once to stop in order, twice to stop now."""

    def __init__(self) -> None:
        self._count = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, *_: object) -> None:
        self._count += 1

    def is_requested(self) -> bool:
        """Whether we were asked to stop."""
        return self._count > 0

    def is_urgent(self) -> bool:
        """Whether we were asked again."""
        return self._count > 1
