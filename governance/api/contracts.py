"""Contracts over the API: drafting, signing and revoking are done by people alone."""

import uuid
from collections.abc import Callable
from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.api.permissions import PeopleOnly
from governance.api.problems import REFUSALS, ProblemSerializer
from governance.api.strict import StrictSerializer
from governance.contract_terms import MOST_MICRO_USD, terms_from
from governance.models import Contract, ContractState, Person
from governance.selectors import contracts as selector
from governance.selectors import people
from governance.services import contracts


class ContractRowSerializer(serializers.Serializer[Any]):
    """One line of the list."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    caller = serializers.CharField()
    callee = serializers.CharField()
    state = serializers.ChoiceField(choices=ContractState.choices)
    signatures = serializers.IntegerField()
    expires_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class SideSerializer(serializers.Serializer[Any]):
    """One side of a contract."""

    domain = serializers.SlugField()
    name = serializers.CharField()
    key = serializers.CharField(help_text="The side's Ed25519 public key, in base64.")
    signed_by = serializers.CharField(allow_blank=True)
    signed_at = serializers.DateTimeField(allow_null=True)
    may_sign = serializers.BooleanField()


class ReceiptDecisionSerializer(serializers.Serializer[Any]):
    """What people of the other side decided: by which roles, never who they are."""

    id = serializers.UUIDField()
    outcome = serializers.CharField()
    digest = serializers.CharField()
    roles = serializers.ListField(child=serializers.CharField())
    decided_at = serializers.DateTimeField()


class ReceiptSerializer(serializers.Serializer[Any]):
    """What came of one piece of work."""

    outcome = serializers.CharField()
    spent_usd = serializers.CharField()
    digest = serializers.CharField()
    run = serializers.UUIDField()
    decisions = ReceiptDecisionSerializer(many=True)
    created_at = serializers.DateTimeField()


class ContractSerializer(serializers.Serializer[Any]):
    """Everything about one contract that its page shows."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=ContractState.choices)
    suspended_by = serializers.CharField(allow_blank=True)
    suspended_reason = serializers.CharField(allow_blank=True)
    ended_reason = serializers.CharField(allow_blank=True)
    digest = serializers.CharField()
    sides = SideSerializer(many=True)
    agents = serializers.ListField(child=serializers.CharField())
    actions = serializers.ListField(child=serializers.CharField())
    scopes = serializers.ListField(child=serializers.CharField())
    data_classes = serializers.ListField(child=serializers.CharField())
    budget_cap_usd = serializers.CharField()
    spent_usd = serializers.CharField()
    expires_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    is_whole = serializers.BooleanField()
    may_suspend = serializers.BooleanField()
    may_resume = serializers.BooleanField()
    may_revoke = serializers.BooleanField()
    receipts = ReceiptSerializer(many=True)


class DraftSerializer(StrictSerializer):
    """What could be agreed between the caller's own domain, which asks, and `callee`.

    With an `idempotency_key` sent twice, the same draft is answered twice.
    """

    callee = serializers.SlugField()
    name = serializers.CharField(max_length=50)
    agents = serializers.ListField(child=serializers.CharField(max_length=60))
    actions = serializers.ListField(child=serializers.CharField(max_length=64), default=list)
    scopes = serializers.ListField(child=serializers.CharField(max_length=200), default=list)
    data_classes = serializers.ListField(child=serializers.CharField(max_length=32), default=list)
    budget_cap_micro_usd = serializers.IntegerField(min_value=1, max_value=MOST_MICRO_USD)
    expires_at = serializers.DateTimeField()
    idempotency_key = serializers.CharField(required=False, min_length=8, max_length=120)


class SigningSerializer(StrictSerializer):
    """For which side, and the digest of what was read."""

    domain = serializers.SlugField()
    digest = serializers.CharField(max_length=64)


class ContractReasonSerializer(StrictSerializer):
    """Why, in a sentence that is kept."""

    reason = serializers.CharField(max_length=500)


class ContractsView(APIView):
    """The contracts of the caller's domains."""

    permission_classes = [PeopleOnly]

    @extend_schema(
        operation_id="contracts_list",
        responses={200: ContractRowSerializer(many=True), **REFUSALS},
    )
    def get(self, request: Request) -> Response:
        """List contracts, newest first."""
        rows = selector.page_for(request.user)
        return Response(ContractRowSerializer(rows, many=True).data)

    @extend_schema(
        operation_id="contracts_draft",
        request=DraftSerializer,
        responses={201: ContractSerializer, **REFUSALS},
    )
    def post(self, request: Request) -> Response:
        """Draft a contract. Needs `sign_contracts`; nothing binds before both sides signed."""
        body = DraftSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        given = dict(body.validated_data)
        contract = contracts.draft(
            caller=people.domain_for(request.user),
            callee=selector.side_named(given.pop("callee"), "callee"),
            key=given.pop("idempotency_key", ""),
            terms=terms_from(given),
            person=_person(request),
        )
        return Response(_shown(request, contract.pk), status=201)


class ContractDetailView(APIView):
    """One contract."""

    permission_classes = [PeopleOnly]

    @extend_schema(
        operation_id="contracts_retrieve", responses={200: ContractSerializer, **REFUSALS}
    )
    def get(self, request: Request, contract_id: uuid.UUID) -> Response:
        """Return the contract with both signatures and what came of it."""
        return Response(_shown(request, contract_id))


class ContractSignView(APIView):
    """Signing for one side."""

    permission_classes = [PeopleOnly]

    @extend_schema(
        operation_id="contracts_sign",
        request=SigningSerializer,
        responses={200: ContractSerializer, **REFUSALS, 412: ProblemSerializer},
    )
    def post(self, request: Request, contract_id: uuid.UUID) -> Response:
        """Sign exactly the body with this digest. Needs `sign_contracts` in that domain."""
        body = SigningSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        contracts.sign(
            contract=selector.visible_contract(request.user, contract_id),
            domain=selector.side_named(body.validated_data["domain"], "domain"),
            person=_person(request),
            shown=body.validated_data["digest"],
        )
        return Response(_shown(request, contract_id))


class ContractSuspendView(APIView):
    """Holding a contract up."""

    permission_classes = [PeopleOnly]

    @extend_schema(
        operation_id="contracts_suspend",
        request=ContractReasonSerializer,
        responses={200: ContractSerializer, **REFUSALS},
    )
    def post(self, request: Request, contract_id: uuid.UUID) -> Response:
        """Let it bind nobody until it is resumed. Needs `sign_contracts` in either domain."""
        return _reasoned(request, contract_id, contracts.suspend)


class ContractResumeView(APIView):
    """Letting a contract bind again."""

    permission_classes = [PeopleOnly]

    @extend_schema(
        operation_id="contracts_resume",
        request=None,
        responses={200: ContractSerializer, **REFUSALS},
    )
    def post(self, request: Request, contract_id: uuid.UUID) -> Response:
        """Resume a suspended one. Needs `sign_contracts` in the domain that suspended it."""
        contract = selector.visible_contract(request.user, contract_id)
        contracts.resume(contract=contract, person=_person(request))
        return Response(_shown(request, contract_id))


class ContractRevokeView(APIView):
    """Ending a contract."""

    permission_classes = [PeopleOnly]

    @extend_schema(
        operation_id="contracts_revoke",
        request=ContractReasonSerializer,
        responses={200: ContractSerializer, **REFUSALS},
    )
    def post(self, request: Request, contract_id: uuid.UUID) -> Response:
        """Revoke it for both sides at once. Needs `sign_contracts` in either domain."""
        return _reasoned(request, contract_id, contracts.revoke)


def _reasoned(request: Request, contract_id: uuid.UUID, do: Callable[..., Contract]) -> Response:
    body = ContractReasonSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    contract = selector.visible_contract(request.user, contract_id)
    do(contract=contract, person=_person(request), reason=body.validated_data["reason"])
    return Response(_shown(request, contract_id))


def _shown(request: Request, contract_id: uuid.UUID) -> Any:
    return ContractSerializer(selector.contract_for(request.user, contract_id)).data


def _person(request: Request) -> Person:
    return cast("Person", request.user)  # PeopleOnly let nobody else in
