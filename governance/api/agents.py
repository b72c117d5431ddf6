"""Agents over the API. No request can name a program: runners come from manifests alone."""

import uuid
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.types import Actor
from governance.api.permissions import PeopleOnly
from governance.api.problems import REFUSALS
from governance.api.strict import StrictSerializer
from governance.models import Environment, Lifecycle, Person
from governance.refusals import Invalid
from governance.selectors import agents as agent_selectors
from governance.selectors import people
from governance.services import agents


class PersonRefSerializer(serializers.Serializer[Any]):
    """A person as others see them."""

    id = serializers.CharField()
    name = serializers.CharField()


class AgentRowSerializer(serializers.Serializer[Any]):
    """One line of the registry."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    version = serializers.IntegerField()
    name = serializers.CharField()
    purpose = serializers.CharField()
    owner = PersonRefSerializer()
    sponsor = PersonRefSerializer()
    environment = serializers.ChoiceField(choices=Environment.choices)
    lifecycle = serializers.ChoiceField(choices=Lifecycle.choices)
    scope_count = serializers.IntegerField()
    pending_gate_count = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class AgentPageSerializer(serializers.Serializer[Any]):
    """A page of agents; `next` goes into `after`, and is empty on the last page."""

    rows = AgentRowSerializer(many=True)
    next = serializers.CharField(allow_blank=True)


class GrantSerializer(serializers.Serializer[Any]):
    """A scope the agent was given."""

    scope = serializers.CharField()
    granted_by = PersonRefSerializer()
    expires_at = serializers.DateTimeField(allow_null=True)


class AgentActionSerializer(serializers.Serializer[Any]):
    """Something the agent proposed."""

    id = serializers.UUIDField()
    tool_name = serializers.CharField()
    sentence = serializers.CharField()
    gate_id = serializers.CharField(allow_blank=True)
    gate_state = serializers.CharField(allow_blank=True)
    run_id = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()


class AgentSerializer(serializers.Serializer[Any]):
    """Everything about one agent that its page shows."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    version = serializers.IntegerField()
    name = serializers.CharField()
    purpose = serializers.CharField()
    owner = PersonRefSerializer()
    sponsor = PersonRefSerializer()
    environment = serializers.ChoiceField(choices=Environment.choices)
    lifecycle = serializers.ChoiceField(choices=Lifecycle.choices)
    lifecycle_reason = serializers.CharField(allow_blank=True)
    classes = serializers.ListField(child=serializers.CharField())
    capabilities = serializers.ListField(child=serializers.CharField())
    price_micro_usd = serializers.IntegerField(allow_null=True)
    max_parallel = serializers.IntegerField(allow_null=True)
    runner = serializers.CharField(allow_blank=True)
    grants = GrantSerializer(many=True)
    actions = AgentActionSerializer(many=True)
    action_count = serializers.IntegerField()
    gate_count = serializers.IntegerField()
    pending_gate_count = serializers.IntegerField()
    token_count = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField(allow_null=True)
    may_suspend = serializers.BooleanField()
    may_resume = serializers.BooleanField()
    may_limit = serializers.BooleanField()
    stream = serializers.CharField()


class RegistrationSerializer(StrictSerializer):
    """A new agent. It has no runner: it works by calling this API."""

    slug = serializers.SlugField()
    version = serializers.IntegerField(default=1, min_value=1)
    name = serializers.CharField(max_length=120)
    purpose = serializers.CharField()
    owner = serializers.UUIDField()
    sponsor = serializers.UUIDField()
    environment = serializers.ChoiceField(choices=Environment.choices)
    scopes = serializers.ListField(child=serializers.CharField(max_length=200), default=list)
    classes = serializers.ListField(child=serializers.CharField(max_length=64), default=list)
    capabilities = serializers.ListField(child=serializers.CharField(max_length=64), default=list)
    price_micro_usd = serializers.IntegerField(required=False, allow_null=True, min_value=0)


class ReasonSerializer(StrictSerializer):
    """Why, in a sentence that is kept."""

    reason = serializers.CharField(max_length=500)


class LimitSerializer(ReasonSerializer):
    """On how many steps the agent may be at work at once; null is any number."""

    max_parallel = serializers.IntegerField(
        allow_null=True, min_value=1, max_value=agents.MOST_PARALLEL
    )


class PageSerializer(serializers.Serializer[Any]):
    """Which page of the registry."""

    lifecycle = serializers.ChoiceField(choices=Lifecycle.choices, required=False)
    environment = serializers.ChoiceField(choices=Environment.choices, required=False)
    after = serializers.CharField(required=False)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=200)


class AgentsView(APIView):
    """The registry of the caller's domain."""

    permission_classes = [PeopleOnly]

    @extend_schema(
        operation_id="agents_list",
        parameters=[PageSerializer],
        responses={200: AgentPageSerializer, **REFUSALS},
    )
    def get(self, request: Request) -> Response:
        """List agents by slug, newest version first."""
        wanted = PageSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        page = agent_selectors.page_for(request.user, **wanted.validated_data)
        return Response(AgentPageSerializer(page).data)

    @extend_schema(
        operation_id="agents_register",
        request=RegistrationSerializer,
        responses={201: AgentSerializer, **REFUSALS},
    )
    def post(self, request: Request) -> Response:
        """Register an agent. Needs `register_agents`."""
        body = RegistrationSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        domain = people.domain_for(request.user)
        choices = agent_selectors.choices_for(request.user)
        given = dict(body.validated_data)
        agent = agents.register(
            domain=domain,
            owner=_chosen(choices.filter(pk=given.pop("owner")).first(), "owner"),
            sponsor=_chosen(choices.filter(pk=given.pop("sponsor")).first(), "sponsor"),
            actor=Actor.person(request.user.pk),
            **given,
        )
        view = agent_selectors.agent_for(request.user, agent.pk)
        return Response(AgentSerializer(view).data, status=201)


class AgentDetailView(APIView):
    """One agent."""

    permission_classes = [PeopleOnly]

    @extend_schema(operation_id="agents_retrieve", responses={200: AgentSerializer, **REFUSALS})
    def get(self, request: Request, agent_id: uuid.UUID) -> Response:
        """Return the agent."""
        return Response(AgentSerializer(agent_selectors.agent_for(request.user, agent_id)).data)


class AgentSuspendView(APIView):
    """Taking an agent out of service."""

    permission_classes = [PeopleOnly]

    @extend_schema(
        operation_id="agents_suspend",
        request=ReasonSerializer,
        responses={200: AgentSerializer, **REFUSALS},
    )
    def post(self, request: Request, agent_id: uuid.UUID) -> Response:
        """Suspend the agent: at once it proposes nothing and nothing of it is claimed."""
        reason = _reason(request)
        agent = agent_selectors.visible_agent(request.user, agent_id)
        agents.suspend(agent=agent, person=_person(request), reason=reason)
        return Response(AgentSerializer(agent_selectors.agent_for(request.user, agent_id)).data)


class AgentResumeView(APIView):
    """Putting a suspended agent back into service."""

    permission_classes = [PeopleOnly]

    @extend_schema(
        operation_id="agents_resume",
        request=ReasonSerializer,
        responses={200: AgentSerializer, **REFUSALS},
    )
    def post(self, request: Request, agent_id: uuid.UUID) -> Response:
        """Resume the agent. Needs `register_agents`."""
        reason = _reason(request)
        agent = agent_selectors.visible_agent(request.user, agent_id)
        agents.resume(agent=agent, person=_person(request), reason=reason)
        return Response(AgentSerializer(agent_selectors.agent_for(request.user, agent_id)).data)


class AgentLimitView(APIView):
    """How much an agent does at once."""

    permission_classes = [PeopleOnly]

    @extend_schema(
        operation_id="agents_limit",
        request=LimitSerializer,
        responses={200: AgentSerializer, **REFUSALS},
    )
    def post(self, request: Request, agent_id: uuid.UUID) -> Response:
        """Let the agent be at work on so many steps at once. Its owner may."""
        body = LimitSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        agents.limit(
            agent=agent_selectors.visible_agent(request.user, agent_id),
            most=body.validated_data["max_parallel"],
            person=_person(request),
            reason=body.validated_data["reason"],
        )
        return Response(AgentSerializer(agent_selectors.agent_for(request.user, agent_id)).data)


def _reason(request: Request) -> str:
    body = ReasonSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    return str(body.validated_data["reason"])


def _person(request: Request) -> Person:
    person: Any = request.user
    if not isinstance(person, Person):
        raise TypeError("PeopleOnly lets only people through")
    return person


def _chosen(person: Person | None, field: str) -> Person:
    if person is None:
        detail = _("Choose an active person of the domain.")
        errors = [{"pointer": f"/{field}", "detail": detail}]
        raise Invalid("invalid_agent", detail, errors=errors)
    return person
