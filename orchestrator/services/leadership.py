"""Roles that one process holds at a time, by a lease on the database's clock.

A lease is no state of the product, so taking one leaves no event; what a leader does, does.
"""

from datetime import timedelta

from django.db.models import F
from django.db.models.functions import Now

from orchestrator.models import Leadership


def lead(*, role: str, holder: str, lease: timedelta) -> int | None:
    """Take or keep the role; return its fence, or None while somebody else holds it.

    The fence moves on with every new holder, and also when a holder comes back after its own
    lease ran out, because another one may have led in between.
    """
    mine = Leadership.objects.filter(role=role, holder=holder, expires_at__gt=Now())
    free = Leadership.objects.filter(role=role, expires_at__lte=Now())
    until = Now() + lease
    if not mine.update(expires_at=until):
        _make_sure_it_exists(role)
        if not free.update(holder=holder, fence=F("fence") + 1, expires_at=until):
            return None
    return mine.values_list("fence", flat=True).first()


def _make_sure_it_exists(role: str) -> None:
    if not Leadership.objects.filter(role=role).exists():
        # Of two that insert it at once, the second changes nothing, and it is free for both.
        unheld = Leadership(role=role, holder="", expires_at=Now())
        Leadership.objects.bulk_create([unheld], ignore_conflicts=True)


def give_up(*, role: str, holder: str) -> None:
    """End the lease at once, so that whoever waits need not wait for its end."""
    Leadership.objects.filter(role=role, holder=holder).update(expires_at=Now())
