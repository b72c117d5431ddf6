from django.db.models.functions import Now

from orchestrator.models import Leadership

STEWARD = "steward"


def is_held(*, role: str) -> bool:
    """Whether somebody leads now, by the database's clock."""
    return Leadership.objects.filter(role=role, expires_at__gt=Now()).exists()
