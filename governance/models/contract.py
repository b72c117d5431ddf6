import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from governance.models.domain import Domain


class DomainKey(models.Model):
    """A domain's own Ed25519 key, by which it signs contracts and receipts.

    `public` is the raw key in base64; `sealed` is the private one, encrypted under a key that is
    derived from SECRET_KEY, so that the database alone signs nothing.
    """

    domain = models.OneToOneField(
        Domain, on_delete=models.PROTECT, primary_key=True, related_name="key"
    )
    public = models.CharField(max_length=64)
    sealed = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"key of {self.domain_id}"


class ContractState(models.TextChoices):
    """Where a contract stands; only an active one that has not expired lets anything happen."""

    DRAFT = "draft", "Draft"
    ACTIVE = "active", "Active"
    SUSPENDED = "suspended", "Suspended"
    REVOKED = "revoked", "Revoked"
    EXPIRED = "expired", "Expired"


_S = ContractState
CONTRACT_TRANSITIONS: dict[str, frozenset[str]] = {
    _S.DRAFT: frozenset({_S.ACTIVE, _S.REVOKED, _S.EXPIRED}),
    _S.ACTIVE: frozenset({_S.SUSPENDED, _S.REVOKED, _S.EXPIRED}),
    _S.SUSPENDED: frozenset({_S.ACTIVE, _S.REVOKED, _S.EXPIRED}),
    _S.REVOKED: frozenset(),
    _S.EXPIRED: frozenset(),
}


class Contract(models.Model):
    """What one domain may have done in another, signed by both (engine.md 4.3).

    `body` is everything that was agreed: both domains with their public keys, agents, actions,
    scopes, classes of data, the cap in micro-USD and the end. `digest` is the SHA-256 over its
    RFC 8785 form; nothing else of the row is believed. The other columns repeat parts of it.
    `suspended_by` is the side that may resume a suspended one, `suspended_reason` why it is.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.SlugField()
    caller = models.ForeignKey(Domain, on_delete=models.PROTECT, related_name="contracts_out")
    callee = models.ForeignKey(Domain, on_delete=models.PROTECT, related_name="contracts_in")
    body = models.JSONField()
    digest = models.CharField(max_length=64, unique=True)
    state = models.CharField(max_length=16, choices=ContractState, default=ContractState.DRAFT)
    expires_at = models.DateTimeField()
    drafted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    suspended_by = models.ForeignKey(
        Domain, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    suspended_reason = models.TextField(blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=ContractState.values), name="governance_contract_state"
            ),
            models.CheckConstraint(
                condition=~Q(caller=F("callee")), name="governance_contract_has_two_sides"
            ),
            models.UniqueConstraint(
                fields=["caller", "name"],
                condition=Q(state="active"),
                name="governance_contract_one_active",
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=Q(state__in=["draft", "active", "suspended"]),
                name="governance_contract_expiry",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ContractSignature(models.Model):
    """One side's signature: by a person who may sign for the domain, with the domain's key.

    `statement` names contract digest, domain, person and time; `signature` is over its RFC 8785
    form, in base64. Written once. Nobody signs for both sides.
    """

    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="signatures")
    domain = models.ForeignKey(Domain, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    statement = models.JSONField()
    signature = models.CharField(max_length=128)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["contract", "domain"], name="governance_contract_side_once"
            ),
            models.UniqueConstraint(
                fields=["contract", "person"], name="governance_contract_two_people"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.domain} under {self.contract_id}"


class Receipt(models.Model):
    """What came of work under a contract, signed by the domain that did it.

    Each side holds a copy, byte for byte the same. `body` names the contract's digest, message,
    both runs, outcome, output digest, cost and decisions: what was decided, by which role and
    when, never by whom. `signature` is over its RFC 8785 form. Written once.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="receipts")
    holder = models.ForeignKey(Domain, on_delete=models.PROTECT, related_name="+")
    message = models.CharField(max_length=64)
    spent_micro_usd = models.PositiveBigIntegerField(default=0)
    body = models.JSONField()
    digest = models.CharField(max_length=64)
    signature = models.CharField(max_length=128)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["message", "holder"], name="governance_receipt_once_per_side"
            ),
        ]

    def __str__(self) -> str:
        return f"receipt of {self.message[:8]}"
