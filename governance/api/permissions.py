"""Who may use an endpoint at all. What they may do with an object is asked of the selectors."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from governance.api.authentication import AgentPrincipal
from governance.models import Person, Token
from governance.refusals import Forbidden


class PeopleOnly(BasePermission):
    """A signed-in person; an agent is told `agent_principal` (DESIGN law 7)."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether a person asks; raises Forbidden for an agent."""
        user: Any = request.user
        if isinstance(user, AgentPrincipal):
            raise Forbidden("agent_principal", _("Only people can do this, never an agent."))
        return isinstance(user, Person) and user.is_active and user.may_sign_in


class SessionOnly(PeopleOnly):
    """A person in a browser session: a stolen token must not be able to make another token."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether a person asks without a token; raises Forbidden for a token."""
        if isinstance(request.auth, Token) and request.auth.person_id:
            raise Forbidden("session_required", _("Sign in with a browser to do this."))
        return super().has_permission(request, view)
