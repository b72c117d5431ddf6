"""Whether an undo has to be agreed to, and what becomes of the agreement (engine.md 5.7).

Whoever approved an effect has approved its undo, which they were shown with it. Beyond that the
file may name a gate for the undo, and once a policy names the action `effect.undo`, or permits
every action, the undo of every tool of high risk is judged. Both take the one road every action
takes.
"""

from django.utils.translation import gettext as _

from governance.models import Action, Effect, EffectState
from governance.refusals import Refusal
from governance.services import actions, bundles, effects
from governance.services.actions import Prepared
from orchestrator.models import Step
from orchestrator.runners.undo import SLUG, arguments_of
from orchestrator.services import guards
from orchestrator.services.definitions import definition_of
from orchestrator.workflow.guarding import RISKY

# Of one undo, until a person lets it begin again.
MOST_QUESTIONS = 3


def is_needed(step: Step, effect: Effect) -> bool:
    """Whether the compensation step has to ask before it undoes the effect."""
    definition = definition_of(step.run.workflow_id)
    if guards.demands_of_undo(definition, effect.action.step_path):
        return True
    is_risky = effect.action.tool.risk in RISKY
    return is_risky and bundles.are_about(domain=step.run.domain, action=SLUG)


def prepared(step: Step, effect: Effect) -> Prepared:
    """Prepare the question, outside of any transaction, in the name of the agent that did it.

    Raises Refusal, for an agent out of service or an agreement that ended unused time and again:
    people decide then, and whoever begins the undo again has it asked for as often once more.
    """
    asked_before = Action.objects.filter(run_id=step.run_id, step_path=step.place).count()
    if asked_before >= MOST_QUESTIONS * (1 + step.human_retries):
        detail = _(
            "Its agreement was asked for %(count)d times and never lasted until it was done."
        )
        raise Refusal("agreement_lapsed", detail % {"count": asked_before})
    return actions.prepare(
        agent=effect.action.agent,
        tool_slug=SLUG,
        arguments=arguments_of(effect),
        on_behalf_of=effect.action.on_behalf_of,
        run_id=step.run_id,
        step_path=step.place,
        index=asked_before,
        demands=guards.demands_of_undo(
            definition_of(step.run.workflow_id), effect.action.step_path
        ),
    )


def in_use(step: Step) -> Effect | None:
    """Return the agreement under which the undo was begun and has not ended."""
    if step.action_id is None:
        return None
    return Effect.objects.filter(action=step.action_id, state=EffectState.IN_FLIGHT).first()


def drop(step: Step, why: str) -> None:
    """End the agreement of an undo that will not be done; joins the caller's transaction."""
    used = in_use(step)
    if used is not None:
        effects.fail(effect_id=used.pk, fence=used.fence, error=why)
