"""Workflow versions over the API. They come into the house from files on the machine."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.api.permissions import PeopleOnly
from governance.api.problems import REFUSALS
from orchestrator.selectors import workflows


class WorkflowRowSerializer(serializers.Serializer[Any]):
    """One version of a workflow."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    version = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    git_commit = serializers.CharField(allow_blank=True)
    digest = serializers.CharField()
    created_at = serializers.DateTimeField()


class WorkflowPageSerializer(serializers.Serializer[Any]):
    """A page of versions; `next` goes into `before`, and is empty on the last page."""

    rows = WorkflowRowSerializer(many=True)
    next = serializers.CharField(allow_blank=True)


class WorkflowStepSerializer(serializers.Serializer[Any]):
    """One step of the file, and the agent that does it."""

    id = serializers.CharField()
    agent = serializers.CharField(allow_blank=True)
    ref = serializers.CharField()
    needs = serializers.ListField(child=serializers.CharField())
    checkpoints = serializers.ListField(child=serializers.CharField())
    risk = serializers.CharField(allow_blank=True)


class WorkflowSerializer(WorkflowRowSerializer):
    """One version with the JSON Schema of its inputs and the CEL of its success."""

    text = serializers.CharField(source="source")
    inputs = serializers.DictField()
    success = serializers.ListField(child=serializers.CharField())
    deadline = serializers.CharField()
    steps = WorkflowStepSerializer(many=True)


class WorkflowsQuerySerializer(serializers.Serializer[Any]):
    """Which page."""

    before = serializers.CharField(required=False)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=200)


class WorkflowsView(APIView):
    """The workflow versions of the caller's domain."""

    permission_classes = [PeopleOnly]

    @extend_schema(
        operation_id="workflows_list",
        parameters=[WorkflowsQuerySerializer],
        responses={200: WorkflowPageSerializer, **REFUSALS},
    )
    def get(self, request: Request) -> Response:
        """List versions, newest first."""
        wanted = WorkflowsQuerySerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        page = workflows.page_for(request.user, **wanted.validated_data)
        return Response(WorkflowPageSerializer(page).data)


class WorkflowDetailView(APIView):
    """One version of a workflow."""

    permission_classes = [PeopleOnly]

    @extend_schema(
        operation_id="workflows_retrieve", responses={200: WorkflowSerializer, **REFUSALS}
    )
    def get(self, request: Request, workflow_id: uuid.UUID) -> Response:
        """Return the version with its source."""
        view = workflows.workflow_for(request.user, workflow_id)
        return Response(WorkflowSerializer(view).data)
