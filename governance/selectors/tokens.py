"""Tokens, read: who a secret belongs to, and which tokens a person holds."""

import hmac
import uuid

from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from governance.credentials import fingerprint, token_id_in
from governance.models import Agent, Lifecycle, Person, Token
from governance.refusals import Refusal

NOBODY = uuid.UUID(int=0)
_IS_LIVE = ExpressionWrapper(
    Q(revoked_at__isnull=True, expires_at__gt=Now()), output_field=BooleanField()
)


class TokenRefused(Refusal):
    """The token opens nothing; status 401 with the reason as code."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code, detail, status=401)


def holder_of(text: str) -> Token:
    """Return the live token written as `text`, its holder loaded; one query and no write.

    Raises TokenRefused. Reasons beyond `token_unknown` are told only to who has the secret, and
    an unknown id costs the same work as a wrong secret. Expiry is by the database's clock.
    """
    tokens = Token.objects.select_related("person", "agent__domain").annotate(is_live=_IS_LIVE)
    token = tokens.filter(pk=token_id_in(text) or NOBODY).first()
    stored = token.secret_hash if token else fingerprint("")
    if not hmac.compare_digest(stored, fingerprint(text)) or token is None:
        raise TokenRefused("token_unknown", _("This token is not known here."))
    # Ending an account also revokes its tokens; its holder should read the cause.
    _check(token.person, token.agent)
    if token.revoked_at is not None:
        raise TokenRefused("token_revoked", _("This token was revoked."))
    if not token.is_live:
        raise TokenRefused("token_expired", _("This token has expired; issue a new one."))
    return token


def live_tokens_of(person: Person) -> QuerySet[Token]:
    """Return the tokens a person can still use, newest first."""
    return person.tokens.filter(_IS_LIVE).order_by("-created_at", "id")


def live_token_count(agent: Agent) -> int:
    """Return how many tokens of the agent still work."""
    return agent.tokens.filter(_IS_LIVE).count()


def _check(person: Person | None, agent: Agent | None) -> None:
    if person is not None and not person.is_active:
        raise TokenRefused("person_inactive", _("The person this token belongs to is inactive."))
    if person is not None and not person.may_sign_in:
        raise TokenRefused("person_may_not_sign_in", _("Nobody can act as this person."))
    if agent is not None and agent.lifecycle != Lifecycle.ACTIVE:
        raise TokenRefused("agent_not_active", _("The agent this token belongs to is not active."))
