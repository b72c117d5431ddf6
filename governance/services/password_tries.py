"""How often a password may be tried.

A try is counted before it is checked, so that a burst of tries cannot overtake the limit.
"""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from governance.credentials import fingerprint
from governance.models import PasswordTries
from governance.refusals import Refusal

WINDOW = timedelta(minutes=15)
# Per name and address together, per address, per name: the last keeps many addresses from
# sharing one victim, and is wide so that a stranger cannot easily lock somebody out.
LIMITS = (("both", 5), ("address", 30), ("name", 100))


def count_in(*, username: str, address: str) -> None:
    """Count one try in; raises Refusal 429 `too_many_tries` when a limit is reached."""
    for kind, limit in LIMITS:
        if not _take(_key(kind, username, address), limit):
            raise Refusal(
                "too_many_tries",
                _("Too many passwords were tried. Wait 15 minutes, or use a sign-in link."),
                status=429,
                retry_after=int(WINDOW.total_seconds()),
            )


def forgive(*, username: str, address: str) -> None:
    """Forget the tries of a name at an address, after the right password came."""
    PasswordTries.objects.filter(key=_key("both", username, address)).delete()


def _take(key: str, limit: int) -> bool:
    # A window that cannot be started is open already, perhaps since a moment ago.
    return _count(key, limit) or _start_window(key) or _count(key, limit)


def _count(key: str, limit: int) -> bool:
    open_window = PasswordTries.objects.filter(key=key, window_ends_at__gt=Now())
    return open_window.filter(count__lt=limit).update(count=F("count") + 1) == 1


def _start_window(key: str) -> bool:
    PasswordTries.objects.filter(window_ends_at__lte=Now()).delete()
    try:
        with transaction.atomic():
            PasswordTries.objects.create(key=key, count=1, window_ends_at=Now() + WINDOW)
    except IntegrityError:
        return False
    return True


def _key(kind: str, username: str, address: str) -> str:
    name = username.casefold() if kind != "address" else ""
    return fingerprint(f"{kind}\n{name}\n{address if kind != 'name' else ''}")
