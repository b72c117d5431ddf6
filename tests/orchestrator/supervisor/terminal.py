import io

from orchestrator.supervisor.output import Output


class Terminal:
    """What a person would see."""

    def __init__(self) -> None:
        self._stream = io.StringIO()
        self.output = Output(self._stream)

    @property
    def text(self) -> str:
        """Everything so far."""
        return self._stream.getvalue()
