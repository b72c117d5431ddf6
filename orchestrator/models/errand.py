from django.db import models

from governance.models import Contract, Receipt
from orchestrator.models.run import Run
from orchestrator.models.step import Step


class Errand(models.Model):
    """One turn that a domain has done by an agent of another one, under a contract.

    `key` is the id of the message that asks for it, the same however often it is sent. `step` is
    the caller's, `run` the callee's, `request` what the agent is given; an instance that has only
    one of the two sides leaves the other empty. `receipt` is the callee's, once the run ended.
    """

    key = models.CharField(max_length=64, primary_key=True)
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="errands")
    step = models.ForeignKey(
        Step, null=True, blank=True, on_delete=models.PROTECT, related_name="errands"
    )
    run = models.OneToOneField(
        Run, null=True, blank=True, on_delete=models.PROTECT, related_name="errand"
    )
    request = models.JSONField(default=dict)
    receipt = models.OneToOneField(
        Receipt, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["created_at"],
                condition=models.Q(receipt=None),
                name="orchestrator_errands_open",
            ),
        ]

    def __str__(self) -> str:
        return f"errand {self.key[:8]}"
