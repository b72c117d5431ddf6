"""The caller: who they are here, and their tokens."""

import uuid
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.types import Actor
from governance.api.authentication import AgentPrincipal
from governance.api.permissions import PeopleOnly, SessionOnly
from governance.api.problems import REFUSALS
from governance.api.strict import StrictSerializer
from governance.models import Person, Token
from governance.refusals import Refusal
from governance.selectors import notices, people
from governance.selectors import tokens as token_selectors
from governance.services import tokens


class MeSerializer(serializers.Serializer[Any]):
    """Who asks. An agent has no permissions: policy judges its actions one by one."""

    kind = serializers.ChoiceField(choices=[("person", "person"), ("agent", "agent")])
    id = serializers.UUIDField()
    name = serializers.CharField()
    username = serializers.CharField(allow_blank=True)
    domain = serializers.CharField(allow_blank=True)
    permissions = serializers.ListField(child=serializers.CharField())
    unread_notices = serializers.IntegerField()


class TokenSerializer(serializers.Serializer[Any]):
    """A token of the caller, without its text."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class IssuedTokenSerializer(TokenSerializer):
    """A new token; `token` is shown this once."""

    token = serializers.CharField()


class TokenRequestSerializer(StrictSerializer):
    """A new token for the caller."""

    name = serializers.CharField(max_length=120)
    days = serializers.IntegerField(default=30, min_value=1, max_value=90)


class MeView(APIView):
    """The caller, person or agent."""

    permission_classes = [IsAuthenticated]

    @extend_schema(operation_id="me", responses={200: MeSerializer, **REFUSALS})
    def get(self, request: Request) -> Response:
        """Say who asks and what they may do."""
        user: Any = request.user
        about = _agent(user) if isinstance(user, AgentPrincipal) else _person(user)
        return Response(MeSerializer(about).data)


class TokensView(APIView):
    """The caller's own tokens. Making one needs a browser session."""

    def get_permissions(self) -> list[Any]:
        """Return PeopleOnly for reading and SessionOnly for making."""
        return [SessionOnly() if self.request.method == "POST" else PeopleOnly()]

    @extend_schema(
        operation_id="tokens_list", responses={200: TokenSerializer(many=True), **REFUSALS}
    )
    def get(self, request: Request) -> Response:
        """List the caller's live tokens, newest first."""
        user: Any = request.user
        return Response(TokenSerializer(token_selectors.live_tokens_of(user), many=True).data)

    @extend_schema(
        operation_id="tokens_issue",
        request=TokenRequestSerializer,
        responses={201: IssuedTokenSerializer, **REFUSALS},
    )
    def post(self, request: Request) -> Response:
        """Issue a token for the caller and show its text once."""
        body = TokenRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        user: Any = request.user
        token, text = tokens.issue(
            person=user,
            name=body.validated_data["name"],
            ttl=timedelta(days=body.validated_data["days"]),
            actor=Actor.person(user.pk),
        )
        return Response({**TokenSerializer(token).data, "token": text}, status=201)


class TokenDetailView(APIView):
    """One of the caller's own tokens."""

    permission_classes = [PeopleOnly]

    @extend_schema(operation_id="tokens_revoke", responses={204: None, **REFUSALS})
    def delete(self, request: Request, token_id: uuid.UUID) -> Response:
        """Revoke the token at once."""
        user: Any = request.user
        token = Token.objects.filter(pk=token_id, person=user).first()
        if token is None:
            raise Refusal("not_found", _("You have no such token."), status=404)
        tokens.revoke(token=token, actor=Actor.person(user.pk))
        return Response(status=204)


def _agent(principal: AgentPrincipal) -> dict[str, Any]:
    agent = principal.agent
    return {
        "kind": "agent",
        "id": agent.pk,
        "name": agent.name,
        "username": "",
        "domain": agent.domain.slug,
        "permissions": [],
        "unread_notices": 0,
    }


def _person(person: Person) -> dict[str, Any]:
    domain = people.find_domain(person)
    return {
        "kind": "person",
        "id": person.pk,
        "name": str(person),
        "username": person.username,
        "domain": domain.slug if domain else "",
        "permissions": sorted(people.permissions_for(person, domain)) if domain else [],
        "unread_notices": notices.unread_count_for(person),
    }
