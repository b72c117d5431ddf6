"""Who may use an endpoint at all. What they may do with an object is asked of the selectors."""

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
        if isinstance(request.user, AgentPrincipal):
            raise Forbidden("agent_principal", _("Only people can do this, never an agent."))
        return isinstance(request.user, Person) and request.user.is_active


class SessionOnly(PeopleOnly):
    """A person in a browser session: a stolen token must not be able to make another token."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether a person asks without a token; raises Forbidden for a token."""
        if isinstance(request.auth, Token) and isinstance(request.user, Person):
            raise Forbidden("session_required", _("Sign in with a browser to do this."))
        return super().has_permission(request, view)
