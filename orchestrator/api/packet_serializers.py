"""What people need to know about a step that needs one of them, over the API."""

from typing import Any

from rest_framework import serializers

from orchestrator.api.run_serializers import AttemptSerializer, RunEffectSerializer
from orchestrator.services.verbs import VERBS


class ChangeSerializer(serializers.Serializer[Any]):
    """What one failed try says otherwise than the one before; no line when it says the same."""

    before = serializers.IntegerField()
    after = serializers.IntegerField()
    lines = serializers.ListField(child=serializers.CharField())


class SpentSerializer(serializers.Serializer[Any]):
    """What the step cost so far."""

    attempts = serializers.IntegerField()
    cost_micro_usd = serializers.IntegerField()


class StandingEffectSerializer(serializers.Serializer[Any]):
    """One effect that is in place."""

    effect = serializers.UUIDField(source="effect_id")
    step_path = serializers.CharField()
    tool = serializers.CharField()
    sentence = serializers.CharField()


class StakesSerializer(serializers.Serializer[Any]):
    """What would be undone if the run failed now, and what would stay."""

    undone = StandingEffectSerializer(many=True)
    kept = StandingEffectSerializer(many=True)


class PacketSerializer(serializers.Serializer[Any]):
    """A step that needs a person, what failed, what is open, and the verbs that may be used."""

    step = serializers.UUIDField(source="step.id")
    path = serializers.CharField(source="step.path")
    error_code = serializers.CharField(source="step.error_code", allow_blank=True)
    error_detail = serializers.CharField(source="step.error_detail", allow_blank=True)
    is_undo = serializers.BooleanField()
    offer = serializers.UUIDField(allow_null=True)
    verbs = serializers.ListField(child=serializers.ChoiceField(choices=VERBS))
    retries_left = serializers.IntegerField()
    announcements_left = serializers.IntegerField()
    failures = AttemptSerializer(many=True)
    changes = ChangeSerializer(many=True)
    open_effects = RunEffectSerializer(many=True)
    spent = SpentSerializer()
    stakes = StakesSerializer()
