"""The JSON of gates and reviews. Field by field it is what the page shows."""

from typing import Any

from rest_framework import serializers

from governance.api.agents import PersonRefSerializer
from governance.api.strict import StrictSerializer
from governance.models import GateState, Risk, Verb


class GateRowSerializer(serializers.Serializer[Any]):
    """One line of the inbox; `mine` means that the caller may decide it and has not yet."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=GateState.choices)
    sentence = serializers.CharField()
    risk = serializers.ChoiceField(choices=Risk.choices)
    environment = serializers.CharField()
    tool_name = serializers.CharField()
    agent_id = serializers.UUIDField()
    agent_name = serializers.CharField()
    owner_name = serializers.CharField()
    initiator_name = serializers.CharField(allow_blank=True)
    run_id = serializers.CharField(allow_blank=True)
    filled = serializers.IntegerField()
    needed = serializers.IntegerField()
    mine = serializers.BooleanField()
    is_delta = serializers.BooleanField()
    opened_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)


class GatePageSerializer(serializers.Serializer[Any]):
    """A page of gates; `next` goes into `before`, and is empty on the last page."""

    rows = GateRowSerializer(many=True)
    next = serializers.CharField(allow_blank=True)


class NamedValueSerializer(serializers.Serializer[Any]):
    """A name and its value as text."""

    name = serializers.CharField()
    value = serializers.CharField()


class PolicyReasonSerializer(serializers.Serializer[Any]):
    """One policy that asks for people, and the facts it read."""

    policy_id = serializers.CharField()
    content_hash = serializers.CharField()
    code = serializers.CharField()
    words = serializers.CharField()
    severity = serializers.CharField()
    facts = NamedValueSerializer(many=True)


class RequesterSerializer(serializers.Serializer[Any]):
    """Who asks: the person who started it, the agent and its people, the tool."""

    initiator = PersonRefSerializer(allow_null=True)
    agent_id = serializers.UUIDField()
    agent_name = serializers.CharField()
    agent_purpose = serializers.CharField()
    owner = PersonRefSerializer()
    sponsor = PersonRefSerializer()
    tool = serializers.CharField()
    tool_name = serializers.CharField()


class ExhibitSerializer(serializers.Serializer[Any]):
    """Something attached. `trust` tells what the control plane computed from an agent's word."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.CharField()
    trust = serializers.ChoiceField(choices=["tool", "agent"])
    agent_name = serializers.CharField(allow_blank=True)
    subject = serializers.CharField(allow_blank=True)
    stale = serializers.BooleanField()
    truncated = serializers.BooleanField()
    digest = serializers.CharField()
    content = serializers.JSONField()


class SeatSerializer(serializers.Serializer[Any]):
    """One requirement of who must agree."""

    group = serializers.CharField()
    needed = serializers.IntegerField()
    filled = serializers.IntegerField()
    filled_by = serializers.ListField(child=serializers.CharField())
    may_decide = serializers.ListField(child=serializers.CharField())
    distinct_from = serializers.ListField(child=serializers.CharField())
    min_assurance = serializers.CharField()


class StandingSerializer(serializers.Serializer[Any]):
    """Whether the caller may decide, and if not, why."""

    may_decide = serializers.BooleanField()
    code = serializers.CharField(allow_blank=True)
    sentence = serializers.CharField(allow_blank=True)


class ReviewSerializer(serializers.Serializer[Any]):
    """One review as it was given."""

    id = serializers.UUIDField()
    person = PersonRefSerializer()
    verb = serializers.ChoiceField(choices=Verb.choices)
    comment = serializers.CharField(allow_blank=True)
    assurance = serializers.CharField()
    channel = serializers.CharField()
    at = serializers.DateTimeField()


class DecisionSerializer(serializers.Serializer[Any]):
    """The final outcome."""

    outcome = serializers.CharField()
    by = serializers.ListField(child=serializers.CharField())
    at = serializers.DateTimeField()


class GateSerializer(serializers.Serializer[Any]):
    """Everything a reviewer is shown. `stamp` goes back with the review."""

    id = serializers.UUIDField()
    epoch = serializers.IntegerField()
    state = serializers.ChoiceField(choices=GateState.choices)
    sentence = serializers.CharField()
    risk = serializers.ChoiceField(choices=Risk.choices)
    reversibility = serializers.CharField()
    environment = serializers.CharField()
    change = ExhibitSerializer(many=True)
    arguments = NamedValueSerializer(many=True)
    pins = NamedValueSerializer(many=True)
    reasons = PolicyReasonSerializer(many=True)
    requester = RequesterSerializer()
    findings = ExhibitSerializer(many=True)
    compensation = serializers.CharField(allow_blank=True)
    seats = SeatSerializer(many=True)
    standing = StandingSerializer()
    reviews = ReviewSerializer(many=True)
    decision = DecisionSerializer(allow_null=True)
    delta_of = serializers.CharField(allow_blank=True)
    replaced_by = serializers.CharField(allow_blank=True)
    rationale = serializers.CharField(allow_blank=True)
    opened_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    comment_required = serializers.BooleanField()
    complete = serializers.BooleanField()
    missing = serializers.ListField(child=serializers.CharField())
    action_digest = serializers.CharField()
    presented_digest = serializers.CharField()
    stamp = serializers.CharField(allow_blank=True)
    run_id = serializers.CharField(allow_blank=True)
    step_path = serializers.CharField(allow_blank=True)
    stream = serializers.CharField()


class ReviewRequestSerializer(StrictSerializer):
    """A decision on exactly what the stamp says was shown."""

    verb = serializers.ChoiceField(choices=Verb.choices)
    comment = serializers.CharField(default="", allow_blank=True, max_length=5000)
    stamp = serializers.CharField(max_length=2000)


class GivenReviewSerializer(serializers.Serializer[Any]):
    """What was kept, and where the gate stands now."""

    id = serializers.UUIDField()
    gate = serializers.UUIDField(source="gate_id")
    verb = serializers.ChoiceField(choices=Verb.choices)
    comment = serializers.CharField(allow_blank=True)
    action_digest = serializers.CharField()
    presented_digest = serializers.CharField()
    created_at = serializers.DateTimeField()
    gate_state = serializers.ChoiceField(choices=GateState.choices, source="gate.state")


class GateQuerySerializer(serializers.Serializer[Any]):
    """Which page of the gates."""

    state = serializers.ChoiceField(choices=["pending", "decided"], default="pending")
    before = serializers.CharField(required=False)
    limit = serializers.IntegerField(default=50, min_value=1, max_value=100)
