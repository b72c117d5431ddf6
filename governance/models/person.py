import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models


class Person(AbstractUser):
    """A human account. Reviewer, operator, owner and auditor are what a person does.

    `may_sign_in` is false for the seeded people who own the demo's agents: they are real owners
    for separation of duties, and nobody can act as them.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    display_name = models.CharField(max_length=120)
    may_sign_in = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.display_name or self.username
