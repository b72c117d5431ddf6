from django.db import models


class Leadership(models.Model):
    """Who leads a role that only one process may hold, by lease.

    `fence` moves on with every new holder, so a leader that slept can see it was replaced.
    """

    role = models.CharField(max_length=32, primary_key=True)
    holder = models.CharField(max_length=120)
    fence = models.PositiveBigIntegerField(default=0)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.role} held by {self.holder}"
