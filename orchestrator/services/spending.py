"""What turns hold of their run's budget, and what they are charged.

A worker draws when it claims a turn and settles when it commits it, one statement each. What
executes an approved action or undoes an effect draws nothing, so neither ever lacks budget.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from django.conf import settings
from django.db import transaction

from audit.canonical import canonical_bytes
from governance.budgeting.amounts import MOST
from governance.budgeting.answers import Answer, Held, Short
from governance.services import budgets, holdings
from governance.services.holdings import Draw, Grant
from orchestrator.models import Attempt, AttemptKind, Run, Settlement, Step, StepKind
from orchestrator.runners.model.config import MOST_OUTPUT_TOKENS
from orchestrator.services.definitions import definition_of
from orchestrator.services.history import ENGINE, tell_step
from orchestrator.services.pricing import cost_of, reported
from orchestrator.services.step_rows import is_abroad
from orchestrator.workflow.definition import Definition

Usage = Mapping[str, Any]
_DOMAIN, _TEAM, _WORKFLOW = "domain:", "team:", "workflow:"


class NoBudgetError(Exception):
    """A turn found no budget to draw on; whatever its transaction did is taken back."""

    def __init__(self, answer: Short) -> None:
        super().__init__(budgets.sentence_of(answer))
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Charged:
    """What an attempt is charged, by unit. What nobody could verify is the whole of its hold."""

    used: Mapping[str, int]
    is_verified: bool = True

    @property
    def fields(self) -> dict[str, Any]:
        """Return what the attempt's row says of it."""
        return {
            "settlement": Settlement.SETTLED if self.is_verified else Settlement.UNVERIFIED,
            "cost_micro_usd": self.used.get("micro_usd", 0),
            "tokens": self.used.get("tokens", 0),
        }


def ask_for_run(run: Run, definition: Definition) -> Answer:
    """Let a new run ask for its holding, on every level that its file names."""
    rule, owners = definition.budget, definition.plain.get("owners", ())
    teams = [owner for owner in owners if owner.startswith(_TEAM)]
    grant = Grant(
        workflow=definition.name,
        caps=rule.caps,
        reserve=rule.reserve,
        priority=rule.priority,
        levels=[_DOMAIN, *teams, f"{_WORKFLOW}{definition.name}"],
        alerts=rule.alerts,
    )
    return holdings.open_for(run_id=run.pk, domain_id=run.domain_id, grant=grant)


def draw(step: Step, kind: AttemptKind, *, epoch: int) -> Answer:
    """Hold for an attempt what it may use; its run and agent are loaded."""
    return holdings.draw(_asked(step, epoch)) if _costs(step, kind) else Held()


def drawn(step: Step, kind: AttemptKind) -> Held:
    """Hold for the attempt whose claim was just taken, or raise NoBudgetError."""
    answer = draw(step, kind, epoch=step.epoch)
    if not isinstance(answer, Held):
        raise NoBudgetError(answer)
    return answer


def drawn_together(steps: Sequence[Step]) -> list[Held]:
    """Hold for turns whose claims were just taken, all at once where everything simply fits.

    Raises NoBudgetError when one of them finds no budget.
    """
    turn = AttemptKind.TURN
    asks = [_asked(step, step.epoch) if _costs(step, turn) else None for step in steps]
    if holdings.draw_together([ask for ask in asks if ask]):
        return [Held(ask.needs) if ask else Held() for ask in asks]
    return [drawn(step, turn) for step in steps]


def room_of(step: Step, held: Held) -> Callable[[int], int]:
    """Return how many tokens may be answered after a question of so many, for what is held.

    In tokens, and in money where the price of the agent's model is known; where it is not, a call
    is charged exactly the money that was held.
    """
    model = _text(_config(step).get("model"))

    def room(asked: int) -> int:
        left = max(0, held.amounts.get("tokens", MOST) - asked)
        most = held.amounts.get("micro_usd", MOST)
        if cost_of(model, input_tokens=asked, output_tokens=0) is None:
            return left

        def cost(answered: int) -> int:
            return cost_of(model, input_tokens=asked, output_tokens=answered) or 0

        return bisect_right(range(left + 1), most, key=cost) - 1

    return room


def let_go(step: Step, held: Held, *, epoch: int) -> None:
    """Take back a draw of an attempt that never began."""
    holdings.settle(run_id=step.run_id, step_id=step.pk, epoch=epoch, held=held, used={})


def settle(
    step: Step, epoch: int, held: Held, usage: Usage, *, seconds: float, is_done: bool = True
) -> Charged:
    """Charge an attempt for what its runner says it used; joins the commit of the turn.

    Tokens of a model whose price nobody knows cost all the money that was held. A turn that is
    done and of which its runner says nothing costs what its agent declared.
    """
    charged = charge_of(step, held, usage, seconds, is_done=is_done)
    _settle(step, epoch, held, charged)
    return charged


def settle_together(run: Run, ended: Sequence[tuple[Step, Held, Charged]]) -> None:
    """Charge turns of a run under the epochs of their claims; each is told of with its end."""
    uses = [holdings.Use(step.pk, step.epoch, held, one.used) for step, held, one in ended]
    holdings.settle_all(run_id=run.pk, uses=uses)


def settle_unverified(step: Step, epoch: int, held: Held) -> Charged:
    """Charge everything that an attempt held, of which nobody heard again."""
    charged = Charged(dict(held.amounts), is_verified=False)
    _settle(step, epoch, held, charged)
    return charged


def tried(waiting: Sequence[Step]) -> list[tuple[Step, Answer]]:
    """Return what each of the steps would be answered now, in order; nothing is held."""
    turn = AttemptKind.TURN
    with transaction.atomic():
        answers = [(step, draw(step, turn, epoch=step.epoch + 1)) for step in waiting]
        transaction.set_rollback(True)
    return answers


def lend(run: Run) -> None:
    """Give back what a run holds above it while it waits for people or is paused."""
    if holdings.lend(run_id=run.pk):
        Run.objects.filter(pk=run.pk).update(is_budget_lent=True)
        run.is_budget_lent = True


def take_back(run: Run) -> bool:
    """Hold again what the run gave back, and say whether it does."""
    if run.is_budget_lent and isinstance(holdings.admit(run_id=run.pk), Held):
        Run.objects.filter(pk=run.pk).update(is_budget_lent=False)
        run.is_budget_lent = False
    return not run.is_budget_lent


def charges_of(run: Run) -> dict[tuple[str, int], dict[str, int]]:
    """Return what each step was charged so far, by path and iteration."""
    rows = Attempt.objects.filter(step__run=run).exclude(tokens=0, cost_micro_usd=0)
    columns = ("step__path", "step__iteration", "cost_micro_usd", "tokens")
    charges: dict[tuple[str, int], dict[str, int]] = {}
    for path, iteration, cost, tokens in rows.values_list(*columns):
        so_far = charges.setdefault((path, iteration), {"micro_usd": 0, "tokens": 0})
        so_far["micro_usd"] += cost
        so_far["tokens"] += tokens
    return charges


def _costs(step: Step, kind: AttemptKind) -> bool:
    """Whether an agent works here: not where people are asked, or another domain's run pays."""
    is_turn = kind is AttemptKind.TURN and step.kind != StepKind.APPROVAL
    return is_turn and step.agent is not None and not is_abroad(step)


def _asked(step: Step, epoch: int) -> Draw:
    definition = definition_of(step.run.workflow_id)
    declared = definition.step(step.path).budget
    config = _config(step)
    model = _text(config.get("model"))
    guesses = _guesses(definition, step, config, model)
    caps = definition.budget.caps
    needs = {unit: declared.get(unit, guesses[unit]) for unit in caps}
    return Draw(
        run_id=step.run_id,
        domain_id=step.run.domain_id,
        step_id=step.pk,
        epoch=epoch,
        needs=needs,
        guessed=frozenset(caps.keys() - declared.keys()),
        agent=step.agent.slug if step.agent else "",
        model=model,
    )


def _guesses(
    definition: Definition, step: Step, config: Mapping[str, Any], model: str
) -> dict[str, int]:
    """Return what a turn probably uses at most: by its agent's own limits, or by the settings.

    What a model is told for certain comes on top by its bytes.
    """
    given = settings.BUDGET_STEP_TOKENS
    most = reported(config, "max_output_tokens")
    if model:
        given += len(canonical_bytes([config, step.conversation, step.task, step.run.inputs]))
        most = most or MOST_OUTPUT_TOKENS
    cost = cost_of(model, input_tokens=given, output_tokens=most) if most and model else None
    return {
        "micro_usd": cost or _declared_price(step) or settings.BUDGET_STEP_MICRO_USD,
        "tokens": given + most,
        "tool_calls": reported(config, "max_tool_calls") or settings.BUDGET_STEP_TOOL_CALLS,
        "compute_seconds": ceil(
            definition.step(step.path).timeouts.start_to_close.total_seconds()
        ),
    }


def charge_of(step: Step, held: Held, usage: Usage, seconds: float, *, is_done: bool) -> Charged:
    """Return what an attempt is charged for what its runner says it used."""
    tokens = reported(usage, "input_tokens") + reported(usage, "output_tokens")
    used = {"tokens": tokens, "tool_calls": reported(usage, "tool_calls")}
    if "compute_seconds" in held.amounts:
        used["compute_seconds"] = ceil(seconds)
    cost = _cost(step, held, usage, is_done=is_done)
    return Charged({**used, "micro_usd": cost})


def _cost(step: Step, held: Held, usage: Usage, *, is_done: bool) -> int:
    """Return what a turn cost. An agent's own word never makes it cheaper than the price list."""
    said = reported(usage, "micro_usd")
    given, made = reported(usage, "input_tokens"), reported(usage, "output_tokens")
    if not given + made:
        return max(said, _declared_price(step) if is_done else 0)
    model = _text(usage.get("model")) or _text(_config(step).get("model"))
    priced = cost_of(model, input_tokens=given, output_tokens=made)
    if priced is None and not said:
        return int(held.amounts.get("micro_usd", 0))
    return max(said, priced or 0)


def _declared_price(step: Step) -> int:
    return (step.agent.price_micro_usd if step.agent else None) or 0


def _settle(step: Step, epoch: int, held: Held, charged: Charged) -> None:
    holdings.settle(
        run_id=step.run_id,
        step_id=step.pk,
        epoch=epoch,
        held=held,
        used=charged.used,
        is_verified=charged.is_verified,
    )
    tell(step, charged)


def tell(step: Step, charged: Charged) -> None:
    """Say what an attempt was charged, unless that is nothing."""
    told = {unit: amount for unit, amount in charged.used.items() if amount}
    if told:
        tell_step(step, "step.charged", ENGINE, **told, is_verified=charged.is_verified)


def _config(step: Step) -> Mapping[str, Any]:
    return step.agent.runner_config if step.agent else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
