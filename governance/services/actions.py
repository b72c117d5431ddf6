"""Agents propose; this is the one door. Nothing is done here, only written down and judged."""

import hashlib
import logging
import traceback
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from django import db
from django.utils.translation import gettext as _

from audit.canonical import digest
from audit.services.events import record, recording
from audit.types import Actor, ObjectRef
from governance.adapters import (
    ExhibitDraft,
    Facts,
    FactUnavailableError,
    ToolAdapter,
    adapter_for,
)
from governance.foreign import foreign_digest
from governance.models import (
    Action,
    Agent,
    Exhibit,
    Gate,
    Lifecycle,
    Outcome,
    Person,
    Tool,
    Verdict,
    Warrant,
)
from governance.policy.evaluate import as_cedar
from governance.refusals import Forbidden, Invalid, Refusal
from governance.selectors.tools import checked_arguments, usable_tool
from governance.services import exhibits as exhibit_service
from governance.services import gates, issuing, verdicts
from governance.streams import stream_of

ENVELOPE_VERSION = 1
MOST_FACT_BYTES = 1_000_000
SENTENCE_LENGTH = 400
RATIONALE_LENGTH = 10_000
_NO_DEMANDS: Mapping[str, Any] = {}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Prepared:
    """An action whose arguments are checked and whose facts are collected, not yet proposed."""

    agent: Agent
    tool: Tool
    adapter: ToolAdapter
    arguments: Mapping[str, Any]
    on_behalf_of: Person | None
    facts: Facts
    sentence: str
    drafts: Sequence[ExhibitDraft]
    compensation: Mapping[str, Any]
    run_id: uuid.UUID | None = None
    step_path: str = ""
    index: int = 0
    demands: Mapping[str, Any] = field(default_factory=dict)

    def envelope(self) -> dict[str, Any]:
        """Return what the action means, and nothing else: its digest is what people approve."""
        return {
            "v": ENVELOPE_VERSION,
            "domain": str(self.agent.domain_id),
            "agent": str(self.agent.pk),
            "on_behalf_of": str(self.on_behalf_of.pk) if self.on_behalf_of else None,
            "tool": {"slug": self.tool.slug, "schema_digest": self.tool.schema_digest},
            "arguments": dict(self.arguments),
            "pins": dict(self.facts.pins),
            "environment": self.agent.environment,
        }

    def effect_key(self) -> str:
        """Return what every retry of this effect has in common: no attempt, worker or clock."""
        place = [str(self.run_id or ""), self.step_path, self.index, self.tool.slug]
        return digest([*place, dict(self.arguments), dict(self.facts.pins)])


@dataclass(frozen=True, slots=True)
class Proposed:
    """What became of a proposal: a warrant when policy allows, a gate when people are asked."""

    action: Action
    verdict: Verdict
    gate: Gate | None = None
    warrant: Warrant | None = None


def prepare(
    *,
    agent: Agent,
    tool_slug: str,
    arguments: Mapping[str, Any],
    on_behalf_of: Person | None,
    run_id: uuid.UUID | None = None,
    step_path: str = "",
    index: int = 0,
    demands: Mapping[str, Any] = _NO_DEMANDS,
) -> Prepared:
    """Check the arguments and collect what is true now. Does I/O, so never in a transaction.

    `demands` names people who have to agree even where policy asks nobody: groups, quorum,
    distinct_from, decide_within_seconds.

    Raises Forbidden `agent_not_active`, Invalid `unknown_tool`, `invalid_arguments` (with JSON
    pointers) or `fact_unavailable`, and Refusal `tool_changed`.
    """
    require_active(agent)
    tool = usable_tool(tool_slug)
    plain = checked_arguments(tool, arguments)
    with _facts(tool.slug):
        adapter = adapter_for(tool.slug)
        facts = _collected(adapter, plain)
        return Prepared(
            agent=agent,
            tool=tool,
            adapter=adapter,
            arguments=plain,
            on_behalf_of=on_behalf_of,
            facts=facts,
            sentence=adapter.sentence(plain, facts.pins),
            drafts=adapter.preview(plain, facts.pins),
            compensation=adapter.compensation(plain, facts.pins),
            run_id=run_id,
            step_path=step_path,
            index=index,
            demands=demands,
        )


def prepare_again(*, action: Action, delta: bool) -> Prepared:
    """Collect once more what is true for an action that was proposed already. Does I/O.

    The action was read just now, with its agent, which may have been suspended since it proposed.
    When a pin moved, the drafts show what changed since (`delta`) or the whole change; when
    none did, there are none and what was shown before still holds.
    """
    agent = action.agent
    require_active(agent)
    tool = usable_tool(action.tool_id)
    arguments = checked_arguments(tool, action.envelope["arguments"])
    with _facts(tool.slug):
        adapter = adapter_for(tool.slug)
        facts = _collected(adapter, arguments)
        again = Prepared(
            agent=agent,
            tool=tool,
            adapter=adapter,
            arguments=arguments,
            on_behalf_of=action.on_behalf_of,
            facts=facts,
            sentence=action.sentence,
            drafts=(),
            compensation=action.compensation,
            run_id=action.run_id,
            step_path=action.step_path,
            index=action.index,
            demands=action.demands,
        )
        unmoved = facts.pins == action.envelope["pins"]
        return again if unmoved else _moved(again, action, delta=delta)


def propose(
    *,
    prepared: Prepared,
    exhibits: Sequence[Exhibit] = (),
    rationale: str = "",
    delta_of: Gate | None = None,
) -> Proposed:
    """Write the action down and let policy judge it; joins the caller's recording().

    Allowed, it has a warrant at once; where people are asked, a gate; denied, neither. The
    exhibits given here and those the control plane computed are what reviewers see.
    """
    with recording():
        require_active(Agent.objects.get(pk=prepared.agent.pk))
        action = _written(prepared, rationale)
        computed = [_attached(prepared, draft) for draft in prepared.drafts]
        judgement = verdicts.judge(action, prepared.adapter.cedar_action, prepared.facts)
        verdict = verdicts.keep(action=action, judgement=judgement)
        if verdict.outcome == Outcome.DENY:
            return Proposed(action, verdict)
        if verdict.outcome == Outcome.ALLOW:
            warrant = issuing.issue(action=action, verdict=verdict, gate=None)
            return Proposed(action, verdict, warrant=warrant)
        shown = [*computed, *exhibits]
        gate = gates.open_gate(verdict=verdict, exhibits=shown, delta_of=delta_of)
        return Proposed(action, verdict, gate=gate)


def with_preview(prepared: Prepared) -> Prepared:
    """Add the whole change as drafts, for an action that people are asked about after all."""
    with _facts(prepared.tool.slug):
        shown = prepared.adapter.preview(prepared.arguments, prepared.facts.pins)
    return replace(prepared, drafts=shown)


def not_active(agent: Agent) -> Forbidden:
    """Return the refusal that an agent out of service gets everywhere."""
    detail = _("The agent %(name)s is not active, so nothing of it can be proposed or run.")
    return Forbidden("agent_not_active", detail % {"name": agent.name})


def require_active(agent: Agent) -> None:
    """Raise Forbidden unless the agent may propose and act."""
    if agent.lifecycle != Lifecycle.ACTIVE:
        raise not_active(agent)


def _moved(again: Prepared, action: Action, *, delta: bool) -> Prepared:
    adapter, arguments, pins = again.adapter, again.arguments, again.facts.pins
    if delta:
        drafts = adapter.delta(arguments, action.envelope["pins"], pins)
    else:
        drafts = adapter.preview(arguments, pins)
    return replace(
        again,
        sentence=adapter.sentence(arguments, pins),
        drafts=drafts,
        compensation=adapter.compensation(arguments, pins),
    )


def _collected(adapter: ToolAdapter, arguments: Mapping[str, Any]) -> Facts:
    facts = adapter.collect(arguments)
    try:
        kept = [facts.pins, facts.facts, facts.resource_attributes]
        foreign_digest(as_cedar(kept), MOST_FACT_BYTES)
    except ValueError as error:
        raise FactUnavailableError(f"a fact cannot be kept: {error}") from error
    return facts


@contextmanager
def _facts(tool_slug: str) -> Iterator[None]:
    """Refuse where an adapter cannot say what is true, whatever it raises.

    An adapter is a plugin. One that breaks is logged with its trace, and the refusal names that
    trace by its digest; what it said is for the log alone, because nobody vouches for its words.
    A database that is away is nobody's fault here, and passes through.
    """
    try:
        yield
    except FactUnavailableError as error:
        raise Invalid("fact_unavailable", str(error)) from error
    except (Refusal, db.Error):
        raise
    except Exception as error:
        trace = hashlib.sha256(traceback.format_exc().encode()).hexdigest()[:12]
        logger.exception("tool %s failed to say what is true, trace %s", tool_slug, trace)
        detail = _("Tool %(tool)s broke before anything was done: %(error)s, trace %(trace)s.")
        words = {"tool": tool_slug, "error": type(error).__name__, "trace": trace}
        raise Invalid("fact_unavailable", detail % words) from error


def _written(prepared: Prepared, rationale: str) -> Action:
    envelope = prepared.envelope()
    action = Action.objects.create(
        domain_id=prepared.agent.domain_id,
        agent=prepared.agent,
        on_behalf_of=prepared.on_behalf_of,
        tool=prepared.tool,
        run_id=prepared.run_id,
        step_path=prepared.step_path,
        index=prepared.index,
        effect_key=prepared.effect_key(),
        envelope=envelope,
        digest=digest(envelope),
        sentence=_cut(prepared.sentence),
        compensation=dict(prepared.compensation),
        demands=dict(prepared.demands),
        rationale=rationale.replace("\0", "")[:RATIONALE_LENGTH],
    )
    record(
        stream=stream_of(action),
        type="action.proposed",
        actor=Actor.agent(prepared.agent.pk),
        domain_id=action.domain_id,
        object=ObjectRef("action", str(action.pk)),
        payload={
            "sentence": action.sentence,
            "digest": action.digest,
            "agent": prepared.agent.name,
            "tool": prepared.tool.slug,
            "step": action.step_path,
        },
    )
    return action


def _cut(sentence: str) -> str:
    fits = len(sentence) <= SENTENCE_LENGTH
    return sentence if fits else f"{sentence[: SENTENCE_LENGTH - 1]}…"


def _attached(prepared: Prepared, draft: ExhibitDraft) -> Exhibit:
    return exhibit_service.attach(
        domain=prepared.agent.domain,
        run_id=prepared.run_id,
        step_path=prepared.step_path,
        agent=None,
        draft=draft,
    )
