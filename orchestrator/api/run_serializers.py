"""How runs look over the API."""

from typing import Any

from rest_framework import serializers

from governance.api.strict import StrictSerializer
from orchestrator.models import Rollback, RunState


class RunRowSerializer(serializers.Serializer[Any]):
    """One line of the list of runs."""

    id = serializers.UUIDField()
    workflow = serializers.CharField()
    workflow_version = serializers.CharField()
    initiator = serializers.CharField()
    state = serializers.ChoiceField(choices=RunState.choices)
    is_final = serializers.BooleanField()
    error_detail = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class RunPageSerializer(serializers.Serializer[Any]):
    """A page of runs; `next` goes into `before`, and is empty on the last page."""

    rows = RunRowSerializer(many=True)
    next = serializers.CharField(allow_blank=True)


class BarSerializer(serializers.Serializer[Any]):
    """A stretch of a lane, in milliseconds since the run started; no end while it grows."""

    kind = serializers.ChoiceField(choices=["work", "wait", "effect"])
    step_path = serializers.CharField()
    state = serializers.CharField()
    start_ms = serializers.IntegerField()
    end_ms = serializers.IntegerField(allow_null=True)
    gate_id = serializers.UUIDField(allow_null=True)


class LaneSerializer(serializers.Serializer[Any]):
    """One agent's part of the run."""

    agent_id = serializers.UUIDField()
    agent = serializers.CharField()
    bars = BarSerializer(many=True)


class AttemptSerializer(serializers.Serializer[Any]):
    """One try of a step."""

    number = serializers.IntegerField()
    kind = serializers.CharField()
    outcome = serializers.CharField()
    runner = serializers.CharField(allow_blank=True)
    error_code = serializers.CharField(allow_blank=True)
    error_detail = serializers.CharField(allow_blank=True)
    usage = serializers.DictField()
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class StepSerializer(serializers.Serializer[Any]):
    """One step with its tries."""

    id = serializers.UUIDField()
    path = serializers.CharField()
    iteration = serializers.IntegerField()
    kind = serializers.CharField()
    agent_id = serializers.UUIDField(allow_null=True)
    agent = serializers.CharField(allow_blank=True)
    state = serializers.CharField()
    output = serializers.DictField()
    error_code = serializers.CharField(allow_blank=True)
    error_detail = serializers.CharField(allow_blank=True)
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    not_before = serializers.DateTimeField(allow_null=True)
    attempts = AttemptSerializer(many=True)


class RunGateSerializer(serializers.Serializer[Any]):
    """A gate the run stopped at."""

    id = serializers.UUIDField()
    step_path = serializers.CharField()
    state = serializers.CharField()
    sentence = serializers.CharField()
    risk = serializers.CharField()
    opened_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)


class RunEffectSerializer(serializers.Serializer[Any]):
    """A side effect of the run."""

    id = serializers.UUIDField()
    step_path = serializers.CharField()
    tool = serializers.CharField()
    state = serializers.CharField()
    response = serializers.DictField()
    error = serializers.CharField(allow_blank=True)
    undoable = serializers.BooleanField()
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class RunExhibitSerializer(serializers.Serializer[Any]):
    """Something attached during the run; its content is on the gate."""

    id = serializers.UUIDField()
    step_path = serializers.CharField()
    agent = serializers.CharField(allow_blank=True)
    name = serializers.CharField()
    kind = serializers.CharField()
    trust = serializers.CharField()
    subject = serializers.CharField(allow_blank=True)
    digest = serializers.CharField()
    created_at = serializers.DateTimeField()


class FateSerializer(serializers.Serializer[Any]):
    """What became of one effect of a run that does not succeed."""

    effect_id = serializers.UUIDField()
    step_path = serializers.CharField()
    tool = serializers.CharField()
    sentence = serializers.CharField()
    commit_seq = serializers.IntegerField(allow_null=True)
    fate = serializers.CharField(source="word")
    detail = serializers.CharField(allow_blank=True)


class RunSerializer(serializers.Serializer[Any]):
    """Everything a run's page shows. `seq` is the last event of the stream `run:<id>`."""

    id = serializers.UUIDField()
    workflow_id = serializers.UUIDField()
    workflow = serializers.CharField()
    workflow_version = serializers.CharField()
    initiator_id = serializers.UUIDField()
    initiator = serializers.CharField()
    state = serializers.ChoiceField(choices=RunState.choices)
    is_final = serializers.BooleanField()
    inputs = serializers.DictField()
    error_code = serializers.CharField(allow_blank=True)
    error_detail = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    deadline_at = serializers.DateTimeField()
    ending = serializers.CharField(allow_blank=True)
    rollback = serializers.ChoiceField(choices=Rollback.choices)
    held_by = serializers.CharField(allow_blank=True)
    held_why = serializers.CharField(allow_blank=True)
    elapsed_ms = serializers.IntegerField()
    seq = serializers.IntegerField()
    lanes = LaneSerializer(many=True)
    steps = StepSerializer(many=True)
    gates = RunGateSerializer(many=True)
    effects = RunEffectSerializer(many=True)
    exhibits = RunExhibitSerializer(many=True)
    statement = FateSerializer(many=True)


class RunsQuerySerializer(serializers.Serializer[Any]):
    """Which page of runs."""

    state = serializers.ChoiceField(choices=RunState.choices, required=False)
    before = serializers.CharField(required=False)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=200)


class StartSerializer(StrictSerializer):
    """A run to start. With an `idempotency_key` sent twice, the same run is answered twice."""

    workflow = serializers.UUIDField()
    inputs = serializers.DictField(default=dict)
    goal = serializers.CharField(required=False, default="", allow_blank=True)
    constraints = serializers.ListField(child=serializers.CharField(), default=list)
    success_criteria = serializers.ListField(child=serializers.CharField(), default=list)
    idempotency_key = serializers.CharField(required=False, min_length=8, max_length=120)
