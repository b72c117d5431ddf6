"""The scopes an agent holds at this moment: by its grants, and by the database's clock."""

import uuid
from collections.abc import Collection

from django.db.models import Exists, Q
from django.db.models.functions import Now

from governance.models import Grant

LIVE = Q(expires_at=None) | Q(expires_at__gt=Now())


def held_by(agent_id: uuid.UUID) -> frozenset[str]:
    """Return the scopes whose grant was neither taken back nor has expired."""
    return frozenset(Grant.objects.filter(LIVE, agent=agent_id).values_list("scope", flat=True))


def still_held(agent_id: uuid.UUID, scopes: Collection[str]) -> Q:
    """Return the condition that all of these still hold, for the UPDATE that rests on them."""
    condition = Q()
    for scope in sorted(scopes):
        condition &= Q(Exists(Grant.objects.filter(LIVE, agent=agent_id, scope=scope)))
    return condition
