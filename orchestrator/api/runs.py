"""Runs over the API: list, start, look."""

import hashlib
import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.api.permissions import PeopleOnly
from governance.api.problems import REFUSALS
from governance.models import Person
from governance.selectors import people
from orchestrator.api.run_serializers import (
    RunPageSerializer,
    RunSerializer,
    RunsQuerySerializer,
    StartSerializer,
)
from orchestrator.selectors import runs as run_selectors
from orchestrator.selectors import workflows
from orchestrator.services import runs
from orchestrator.services.briefs import Brief


class RunsView(APIView):
    """The runs of the caller's domain."""

    permission_classes = [PeopleOnly]

    @extend_schema(
        operation_id="runs_list",
        parameters=[RunsQuerySerializer],
        responses={200: RunPageSerializer, **REFUSALS},
    )
    def get(self, request: Request) -> Response:
        """List runs, newest first."""
        wanted = RunsQuerySerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        page = run_selectors.page_for(request.user, **wanted.validated_data)
        return Response(RunPageSerializer(page).data)

    @extend_schema(
        operation_id="runs_start",
        request=StartSerializer,
        responses={201: RunSerializer, **REFUSALS},
    )
    def post(self, request: Request) -> Response:
        """Start a run of a workflow. Needs `operate_runs`; the caller is its initiator."""
        body = StartSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        initiator = _person(request)
        workflow = workflows.visible_workflow(initiator, given["workflow"])
        people.require(initiator, workflow.domain, "operate_runs")
        run = runs.start(
            workflow=workflow,
            initiator=initiator,
            inputs=given["inputs"],
            brief=Brief(given["goal"], given["constraints"], given["success_criteria"]),
            dedupe_key=_dedupe_key(initiator, given.get("idempotency_key", "")),
        )
        return Response(RunSerializer(run_selectors.run_for(initiator, run.pk)).data, status=201)


class RunDetailView(APIView):
    """One run."""

    permission_classes = [PeopleOnly]

    @extend_schema(operation_id="runs_retrieve", responses={200: RunSerializer, **REFUSALS})
    def get(self, request: Request, run_id: uuid.UUID) -> Response:
        """Return the run with its lanes, steps, gates, effects and exhibits."""
        return Response(RunSerializer(run_selectors.run_for(request.user, run_id)).data)


def _dedupe_key(initiator: Person, key: str) -> str:
    # Keys are each person's own: nobody can guess another one's run by its key.
    said = key or uuid.uuid4().hex
    return hashlib.sha256(f"{initiator.pk}|{said}".encode()).hexdigest()


def _person(request: Request) -> Person:
    person: Any = request.user
    if not isinstance(person, Person):
        raise TypeError("PeopleOnly lets only people through")
    return person
