"""Taking a run into one's hands over the API: people only, each with a reason that is kept."""

import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.api.permissions import PeopleOnly
from governance.api.problems import REFUSALS
from governance.api.strict import StrictSerializer
from governance.budgeting.amounts import MOST
from governance.models import Person
from orchestrator.api.packet_serializers import PacketSerializer
from orchestrator.api.run_serializers import RunSerializer
from orchestrator.models import PauseMode
from orchestrator.selectors import runs as run_selectors
from orchestrator.selectors.escalations import packets_of
from orchestrator.selectors.workflows import visible_workflow
from orchestrator.services import budgeting, cancellation, forking, pausing, verbs
from orchestrator.services.verbs import Said
from orchestrator.workflow.definition import from_plain

REASON = 2000


class WhySerializer(StrictSerializer):
    """Why, in words that are kept."""

    reason = serializers.CharField(max_length=REASON)


class PauseSerializer(WhySerializer):
    """Why, and whether turns under way may finish."""

    mode = serializers.ChoiceField(choices=PauseMode.choices, default=PauseMode.DRAIN)


class RaiseSerializer(WhySerializer):
    """What the run may use from now on, of each unit that is named; money in micro-dollars."""

    micro_usd = serializers.IntegerField(required=False, min_value=1, max_value=MOST)
    tokens = serializers.IntegerField(required=False, min_value=1, max_value=MOST)
    tool_calls = serializers.IntegerField(required=False, min_value=1, max_value=MOST)
    compute_seconds = serializers.IntegerField(required=False, min_value=1, max_value=MOST)


class VerbSerializer(WhySerializer):
    """A verb and what it wants: a step for all but `roll_back` and `close`, and more by verb."""

    verb = serializers.ChoiceField(choices=verbs.VERBS)
    step = serializers.UUIDField(required=False)
    agent = serializers.UUIDField(required=False, help_text="reroute: who does it instead.")
    output = serializers.DictField(required=False, help_text="supply_output: what stands in.")
    happened = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="reconcile: what you found out."
    )
    response = serializers.DictField(
        required=False, help_text="reconcile: what the target answered, as far as it is known."
    )


Post = TypeVar("Post", bound=Callable[..., Response])


def _act(name: str, body: type[StrictSerializer], code: int = 200) -> Callable[[Post], Post]:
    """Describe an act on a run, which is answered with the run as it is then."""
    answers = {code: RunSerializer, **REFUSALS}
    described: Callable[[Post], Post] = extend_schema(
        operation_id=name, request=body, responses=answers
    )
    return described


class _RunView(APIView):
    permission_classes = [PeopleOnly]


class RunCancelView(_RunView):
    """The end of a run for good."""

    @_act("runs_cancel", WhySerializer)
    def post(self, request: Request, run_id: uuid.UUID) -> Response:
        """Ask for it; asking again answers the same. Needs `operate_runs`."""
        given, person = _given(request, WhySerializer), _may_see(request, run_id)
        cancellation.cancel(run_id=run_id, person=person, **given)
        return _answer(person, run_id)


class RunPauseView(_RunView):
    """Holding a run up."""

    @_act("runs_pause", PauseSerializer)
    def post(self, request: Request, run_id: uuid.UUID) -> Response:
        """Pause the run: nothing new begins. Needs `operate_runs`."""
        given, person = _given(request, PauseSerializer), _may_see(request, run_id)
        pausing.pause(run_id=run_id, person=person, **given)
        return _answer(person, run_id)


class RunResumeView(_RunView):
    """Letting a paused run go on."""

    @_act("runs_resume", WhySerializer)
    def post(self, request: Request, run_id: uuid.UUID) -> Response:
        """Resume the run from where its steps stand now. Needs `operate_runs`."""
        given, person = _given(request, WhySerializer), _may_see(request, run_id)
        pausing.resume(run_id=run_id, person=person, **given)
        return _answer(person, run_id)


class RunBudgetView(_RunView):
    """What a run may use."""

    @_act("runs_budget", RaiseSerializer)
    def post(self, request: Request, run_id: uuid.UUID) -> Response:
        """Let the run use more than its file says. Needs `manage_budgets`."""
        given, person = _given(request, RaiseSerializer), _may_see(request, run_id)
        reason = given.pop("reason")
        budgeting.raise_run(run_id=run_id, caps=given, person=person, reason=reason)
        return _answer(person, run_id)


class ForkSerializer(WhySerializer):
    """Where the new run begins, and why. A key sent twice starts one run."""

    step = serializers.CharField(max_length=50, help_text="A step of the file, by its id.")
    idempotency_key = serializers.CharField(required=False, min_length=8, max_length=120)


class RunForkView(_RunView):
    """Another run from a step of this one."""

    @_act("runs_fork", ForkSerializer, code=201)
    def post(self, request: Request, run_id: uuid.UUID) -> Response:
        """Start it; approvals and effects are never inherited. Needs `operate_runs`."""
        given, person = _given(request, ForkSerializer), _may_see(request, run_id)
        key = given.pop("idempotency_key", "")
        made = forking.fork(run_id=run_id, person=person, key=key, **given)
        return Response(RunSerializer(run_selectors.run_for(person, made.pk)).data, status=201)


class RunEscalationsView(_RunView):
    """The verbs of a run that needs a person."""

    @extend_schema(
        operation_id="runs_escalations_list",
        responses={200: PacketSerializer(many=True), **REFUSALS},
    )
    def get(self, request: Request, run_id: uuid.UUID) -> Response:
        """List the steps that need a person, for one who may do something about them."""
        person = _may_see(request, run_id)
        view = run_selectors.run_for(person, run_id)
        workflow = visible_workflow(person, view.workflow_id)
        packets = packets_of(view, person, workflow.domain, from_plain(workflow.definition))
        return Response(PacketSerializer(packets, many=True).data)

    @_act("runs_escalations", VerbSerializer)
    def post(self, request: Request, run_id: uuid.UUID) -> Response:
        """Use a verb on an escalated step, or roll the run back. Needs `operate_runs`."""
        given, person = _given(request, VerbSerializer), _may_see(request, run_id)
        said = Said(
            reason=given["reason"],
            step_id=given.get("step"),
            agent_id=given.get("agent"),
            output=given.get("output"),
            happened=given["happened"],
            response=given.get("response"),
        )
        verbs.use(verb=given["verb"], run_id=run_id, person=person, said=said)
        return _answer(person, run_id)


def _given(request: Request, kind: type[StrictSerializer]) -> dict[str, Any]:
    body = kind(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def _may_see(request: Request, run_id: uuid.UUID) -> Person:
    person: Any = request.user
    if not isinstance(person, Person):
        raise TypeError("PeopleOnly lets only people through")
    run_selectors.visible_run(person, run_id)
    return person


def _answer(person: Person, run_id: uuid.UUID) -> Response:
    return Response(RunSerializer(run_selectors.run_for(person, run_id)).data)
