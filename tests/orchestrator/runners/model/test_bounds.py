"""A call of a model never costs more than was held for it: its question is counted in bytes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from audit.canonical import canonical_bytes
from governance.budgeting.answers import Held
from governance.models import Agent, Holding
from orchestrator.models import Attempt, Step
from orchestrator.runners.base import AgentFailedError
from orchestrator.runners.model.runner import affordable
from orchestrator.services.pricing import cost_of
from orchestrator.services.spending import room_of
from tests.factories.governance import House
from tests.factories.models import Play, model_agent
from tests.factories.orchestrator import started, step, step_of, tries_of, work

PRICES = {"scripted": {"input": "1.00", "output": "8.00"}}
LIMIT = "max_completion_tokens"


@pytest.fixture(autouse=True)
def _prices(settings: Settings) -> None:
    settings.MODEL_PRICES = PRICES


@given(st.integers(0, 50_000), st.integers(0, 400_000), st.integers(0, 60_000))
def test_what_may_be_answered_never_costs_more_than_is_held(
    tokens: int, micro_usd: int, asked: int
) -> None:
    scripted = Step(agent=Agent(runner_config={"model": "scripted"}))
    held = Held({"tokens": tokens, "micro_usd": micro_usd})
    most = room_of(scripted, held)(asked)
    if most >= 0:
        cost = cost_of("scripted", input_tokens=asked, output_tokens=most)
        assert cost is not None
        assert cost <= micro_usd
        assert most == 0 or asked + most <= tokens


@given(st.text(), st.integers(1, 10_000))
def test_an_answer_is_bounded_by_what_the_bytes_of_the_question_leave(
    text: str, more: int
) -> None:
    body = {"messages": [{"role": "user", "content": text}], LIMIT: 4096}
    size = len(canonical_bytes(body))
    assert affordable(body, LIMIT, lambda asked: size + more - asked)[LIMIT] == min(more, 4096)
    with pytest.raises(AgentFailedError, match="larger `budget`"):
        affordable(body, LIMIT, lambda asked: size - asked)


@pytest.mark.django_db
@pytest.mark.parametrize("api", ["chat", "responses"])
def test_a_call_that_uses_all_it_may_is_charged_no_more_than_was_held(
    home: House, play: Play, api: str
) -> None:
    model = play({"text": "Long.", "usage": {"input": 1, "output": 1}})
    model_agent(home, model, api=api)
    asked = step("look", "clerk", budget={"usd": "0.02", "tokens": 6000})
    run = work(started(home, asked))
    assert run.state == "succeeded"
    body: dict[str, Any] = dict(model.asked[0].body)
    limit = body[LIMIT if api == "chat" else "max_output_tokens"]
    size = len(canonical_bytes(body))
    assert 0 < limit < 4096
    assert size + limit <= 6000 + 3
    assert size + 8 * limit <= 20_000 + 3
    assert Holding.objects.get().tokens_overrun == 0


@pytest.mark.django_db
def test_a_question_that_what_is_held_cannot_pay_is_never_sent(home: House, play: Play) -> None:
    model = play({"text": "Never heard."})
    model_agent(home, model)
    run = work(started(home, step("look", "clerk", budget={"tokens": 200})))
    assert step_of(run, "look").error_code == "budget_too_small"
    assert "larger `budget`" in step_of(run, "look").error_detail
    assert (tries_of(run, "look"), model.asked) == (["failed"], [])
    attempt = Attempt.objects.get()
    assert (attempt.tokens, attempt.cost_micro_usd) == (0, 0)
