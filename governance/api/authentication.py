"""Who is behind an API request: a person, or an agent that is nobody's account."""

from dataclasses import dataclass
from typing import Any

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from governance.models import Agent, Person, Token
from governance.selectors import tokens

SCHEME = b"bearer"


@dataclass(frozen=True, slots=True)
class AgentPrincipal:
    """An agent that proved itself with its token. It is authenticated and holds no permission.

    It is no Person, so that nothing meant for people can take it for one (DESIGN law 7).
    """

    agent: Agent
    is_authenticated: bool = True
    is_anonymous: bool = False
    is_active: bool = True
    is_staff: bool = False
    is_superuser: bool = False

    @property
    def pk(self) -> str:
        """Return the agent's id, for logs."""
        return str(self.agent.pk)

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Return False: what an agent may do is decided by policy, action by action."""
        return False


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer cs_...`; any other scheme is left to the next class.

    A token that is unknown, revoked, expired or whose holder is out of service is refused with
    its reason and never falls back to a session.
    """

    def authenticate(self, request: Request) -> tuple[Person | AgentPrincipal, Token] | None:
        """Return the holder and the token; raises TokenRefused (401)."""
        scheme, _, text = get_authorization_header(request).partition(b" ")
        if scheme.lower() != SCHEME:
            return None
        token = tokens.holder_of(text.strip().decode("latin-1"))
        if token.person is not None:
            return token.person, token
        return AgentPrincipal(_agent_of(token)), token

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge that makes a refusal a 401."""
        return 'Bearer realm="api"'


def _agent_of(token: Token) -> Agent:
    if token.agent is None:
        raise tokens.TokenRefused("token_unknown", "This token has no holder.")
    return token.agent
