"""Every way governance says no, each with one code that HTML, API and command line share."""

from collections.abc import Mapping
from typing import Any


class Refusal(Exception):  # noqa: N818 - the field's word: a refusal is an answer, not a fault
    """A use case refused and nothing happened.

    `code` is stable and machine-readable, `status` the HTTP status it maps to, `detail` one
    sentence for a person: what was not done and what to do about it.
    """

    def __init__(self, code: str, detail: str, *, status: int = 409, **extra: Any) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.status = status
        self.extra: Mapping[str, Any] = extra


class Forbidden(Refusal):
    """Who asks may not do this; status 403."""

    def __init__(self, code: str, detail: str, **extra: Any) -> None:
        super().__init__(code, detail, status=403, **extra)


class Gone(Refusal):
    """It was possible and its time is over; status 410."""

    def __init__(self, code: str, detail: str, **extra: Any) -> None:
        super().__init__(code, detail, status=410, **extra)


class Invalid(Refusal):
    """What was sent is not acceptable; status 422 with `errors` naming places."""

    def __init__(self, code: str, detail: str, **extra: Any) -> None:
        super().__init__(code, detail, status=422, **extra)
