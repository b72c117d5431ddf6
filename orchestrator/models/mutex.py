from django.db import models

from orchestrator.models.step import Step


class Mutex(models.Model):
    """What only one step at a time may use, by its name in the domain.

    It is held by `holder` while that runs under `epoch`, or while an effect of it is under way or
    in doubt, and by nobody otherwise: a step that ends, waits for people or loses its worker
    before it began anything lets go without another write. Its lease is the claim's. An undo
    holds it between its attempts too.
    """

    key = models.CharField(max_length=240, unique=True)
    holder = models.ForeignKey(
        Step, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    epoch = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return self.key
