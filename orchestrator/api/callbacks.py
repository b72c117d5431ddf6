"""Where agents answer that took their work and answer later."""

import uuid
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.api.problems import REFUSALS
from governance.refusals import Refusal
from orchestrator.services import callbacks


class AnswerSerializer(serializers.Serializer[Any]):
    """An agent's answer, as it gives one to a request that it answers at once."""

    output = serializers.DictField(required=False)
    exhibits = serializers.ListField(child=serializers.DictField(), required=False)
    proposals = serializers.ListField(child=serializers.DictField(), required=False)
    usage = serializers.DictField(required=False)
    conversation = serializers.DictField(required=False)
    error = serializers.DictField(required=False)


class CallbackView(APIView):
    """The answer of one step, taken once. The token of the request is the only key to it."""

    authentication_classes = ()
    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="callbacks_answer",
        auth=[],
        request=AnswerSerializer,
        responses={202: None, **REFUSALS},
    )
    def post(self, request: Request, step_id: uuid.UUID) -> Response:
        """Answer for a step; the header is `Authorization: Bearer <token of the request>`."""
        kind, _space, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            detail = _("Send the token of the request as the bearer's.")
            raise Refusal("not_authenticated", detail, status=401)
        callbacks.accept(step_id=step_id, token=token.strip(), content=request.body)
        return Response(status=202)
