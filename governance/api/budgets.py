"""Budgets over the API: anybody of the domain reads them, people with permission set them."""

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.api.permissions import PeopleOnly
from governance.api.problems import REFUSALS
from governance.api.strict import StrictSerializer
from governance.budgeting.amounts import MOST
from governance.models import Budget, BudgetScope, Domain, Person, Unit, Window
from governance.selectors import budgets as selector
from governance.selectors import people
from governance.selectors.accounts import counted
from governance.services import budgets

_LONGEST = 2000


class BudgetSerializer(serializers.Serializer[Any]):
    """One budget. Amounts are whole numbers of its unit; money is in millionths of a dollar."""

    id = serializers.IntegerField()
    scope = serializers.ChoiceField(choices=BudgetScope.choices)
    scope_id = serializers.CharField(allow_blank=True)
    unit = serializers.ChoiceField(choices=Unit.choices)
    window = serializers.ChoiceField(choices=Window.choices)
    window_began = serializers.DateTimeField()
    cap = serializers.IntegerField()
    held = serializers.IntegerField(source="kept")
    spent = serializers.IntegerField(source="used")
    overrun = serializers.IntegerField()


class BudgetRequestSerializer(StrictSerializer):
    """A new budget of the caller's domain."""

    scope = serializers.ChoiceField(choices=BudgetScope.choices)
    scope_id = serializers.CharField(max_length=120, allow_blank=True, default="")
    unit = serializers.ChoiceField(choices=Unit.choices)
    window = serializers.ChoiceField(choices=Window.choices, default=Window.NONE)
    cap = serializers.IntegerField(min_value=0, max_value=MOST)


class BudgetChangeSerializer(StrictSerializer):
    """How much it is from now on, and why."""

    cap = serializers.IntegerField(min_value=0, max_value=MOST)
    reason = serializers.CharField(max_length=_LONGEST)


class BudgetsView(APIView):
    """The budgets of the caller's domain."""

    permission_classes = [PeopleOnly]

    @extend_schema(
        operation_id="budgets_list", responses={200: BudgetSerializer(many=True), **REFUSALS}
    )
    def get(self, request: Request) -> Response:
        """List the budgets with what is held and spent."""
        rows = selector.rows_of(_domain(request))
        return Response(BudgetSerializer(rows, many=True).data)

    @extend_schema(
        operation_id="budgets_create",
        request=BudgetRequestSerializer,
        responses={201: BudgetSerializer, **REFUSALS},
    )
    def post(self, request: Request) -> Response:
        """Set a budget. Needs `manage_budgets`."""
        body = BudgetRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        made = budgets.create(
            domain=_domain(request), person=_person(request), **body.validated_data
        )
        return Response(BudgetSerializer(_fresh(made)).data, status=201)


class BudgetDetailView(APIView):
    """One budget."""

    permission_classes = [PeopleOnly]

    @extend_schema(
        operation_id="budgets_change",
        request=BudgetChangeSerializer,
        responses={200: BudgetSerializer, **REFUSALS},
    )
    def patch(self, request: Request, budget_id: int) -> Response:
        """Raise a budget, or lower it to no less than is used. Needs `manage_budgets`."""
        body = BudgetChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        changed = budgets.change(
            budget_id=budget_id, person=_person(request), **body.validated_data
        )
        return Response(BudgetSerializer(_fresh(changed)).data)


def _fresh(budget: Budget) -> Budget:
    """Return the row with what the database filled in."""
    return counted().get(pk=budget.pk)


def _person(request: Request) -> Person:
    return cast("Person", request.user)


def _domain(request: Request) -> Domain:
    return people.domain_for(request.user)
