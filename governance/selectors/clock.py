"""The database's clock: the only one that expiry is compared with (DESIGN law 6)."""

from datetime import datetime

from django.db.models.functions import Now

from governance.models import Domain


def database_now() -> datetime:
    """Return the database's time. A domain must exist, and nothing can expire before one does."""
    return Domain.objects.annotate(now=Now()).values_list("now", flat=True)[:1].get()
