"""What a process of the product remembers, and a test must not find."""

from django.contrib.contenttypes.models import ContentType

from audit import doorbell
from audit.services import events
from orchestrator.services import definitions, moves, slices


def forget() -> None:
    """Be as a process that has just begun, whatever came before."""
    events._heads.clear()
    moves._agents.clear()
    slices._sizes.clear()
    definitions.definition_of.cache_clear()
    ContentType.objects.clear_cache()
    doorbell._circuit.holds()
