"""What turns draw and are charged, and what becomes of runs that find no budget."""

import json
import uuid
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import override_settings
from pytest_django import DjangoAssertNumQueries

from audit.services.events import recording
from governance.budgeting.answers import Held
from governance.models import Budget, Charge, Holding, Reservation
from governance.refusals import Refusal
from governance.services import domains, holdings
from orchestrator.history.replaying import Difference
from orchestrator.models import Attempt, AttemptKind, Run, Step
from orchestrator.runners.base import AgentFailedError, AgentRequest, AgentResult
from orchestrator.runners.registry import register
from orchestrator.selectors import replays
from orchestrator.services import (
    budgeting,
    cancellation,
    claims,
    pausing,
    runs,
    spending,
    sweep,
    turns,
    verbs,
)
from orchestrator.services.verbs import Said
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.audit import recorded
from tests.factories.governance import House
from tests.factories.orchestrator import drive, started, states_of, step, step_of, work
