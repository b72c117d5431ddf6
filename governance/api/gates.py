"""Gates and reviews over the API. Only people reach them, in a session or by their own token."""

import uuid
from typing import Any, cast

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.api.authentication import AgentPrincipal
from governance.api.gate_serializers import (
    GatePageSerializer,
    GateQuerySerializer,
    GateSerializer,
    GivenReviewSerializer,
    ReviewRequestSerializer,
)
from governance.api.permissions import PeopleOnly
from governance.api.problems import REFUSALS, ProblemSerializer
from governance.models import Person
from governance.selectors import gates
from governance.services import reviews

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    required=True,
    description="1 to 64 characters of your choice; the same key returns the same review.",
)


class GatesView(APIView):
    """The gates of the caller's domain."""

    permission_classes = [PeopleOnly]

    @extend_schema(
        operation_id="gates_list",
        parameters=[GateQuerySerializer],
        responses={200: GatePageSerializer, **REFUSALS},
    )
    def get(self, request: Request) -> Response:
        """Return a page of gates that wait, newest first, or that were decided."""
        query = GateQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        page = gates.inbox_for(_person(request), **query.validated_data)
        return Response(GatePageSerializer(page).data)


class GateView(APIView):
    """One gate."""

    permission_classes = [PeopleOnly]

    @extend_schema(operation_id="gates_retrieve", responses={200: GateSerializer, **REFUSALS})
    def get(self, request: Request, gate_id: uuid.UUID) -> Response:
        """Return everything a reviewer is shown. Reading decides nothing."""
        return Response(GateSerializer(gates.gate_for(_person(request), gate_id)).data)


class ReviewsView(APIView):
    """The reviews of one gate."""

    permission_classes = [PeopleOnly]

    def check_permissions(self, request: Request) -> None:
        """Let only people in; that an agent tried to decide is kept in the log."""
        user: Any = request.user
        if request.method == "POST" and isinstance(user, AgentPrincipal):
            reviews.turn_away(gate_id=self.kwargs["gate_id"], agent=user.agent, channel="api")
        super().check_permissions(request)

    @extend_schema(
        operation_id="reviews_create",
        parameters=[IDEMPOTENCY_KEY],
        request=ReviewRequestSerializer,
        responses={
            201: GivenReviewSerializer,
            **REFUSALS,
            410: ProblemSerializer,
            412: ProblemSerializer,
        },
    )
    def post(self, request: Request, gate_id: uuid.UUID) -> Response:
        """Approve or reject exactly what the stamp says the caller was shown."""
        body = ReviewRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        review = reviews.give(
            gate_id=gate_id,
            person=_person(request),
            idempotency_key=request.headers.get("Idempotency-Key", ""),
            channel="api",
            **body.validated_data,
        )
        return Response(GivenReviewSerializer(review).data, status=201)


def _person(request: Request) -> Person:
    return cast("Person", request.user)  # PeopleOnly let nobody else in
