"""A domain with a code review workflow, and runs of it put there row by row."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.utils import timezone

from audit.services.events import record, recording
from audit.types import Actor, ObjectRef, StreamKey
from governance.models import (
    Action,
    Agent,
    Decision,
    Domain,
    Effect,
    Exhibit,
    Gate,
    Person,
    Review,
    Tool,
    Verdict,
    Warrant,
)
from governance.services import agents, domains
from orchestrator.models import Attempt, AttemptKind, Run, Step, Workflow
from orchestrator.services import workflows
from orchestrator.services.step_rows import agent_of

TESTER = Actor.system("test")
PLAN = ("style", "security", "compliance", "merge")
NAMES = {
    "style": "Style checker",
    "security": "Security scanner",
    "compliance": "Compliance clerk",
    "merge": "Merger",
}
SOURCE = (Path(__file__).parent / "review.yaml").read_text()
SENTENCE = "Merge feature/limits into main of demo (3 commits, 4 files)"
DIGEST = hashlib.sha256(b"scene").hexdigest()
FINDINGS = [
    {
        "severity": "major",
        "message": "SQL is put together from strings",
        "path": "billing/limits.py",
        "line": 41,
        "rule": "B608",
    },
    {"severity": "minor", "message": "Line is too long (112 > 99)", "path": "billing/limits.py"},
]


@dataclass
class Studio:
    """A domain with a workflow of four agents, and the people around it."""

    domain: Domain
    grace: Person
    ines: Person
    workflow: Workflow
    agents: Mapping[str, Agent]
    tool: Tool


@dataclass
class Tries:
    """What became of one step: offsets in seconds from the start of the run."""

    state: str
    spans: Sequence[tuple[float, float | None, str]] = ()
    error: tuple[str, str] = ("", "")
    output: Mapping[str, Any] = field(default_factory=dict)


def studio(slug: str = "acme") -> Studio:
    """Found the domain and register everything by its services."""
    domain = domains.found(slug=slug, name=slug.capitalize(), actor=TESTER)
    ada, sam = _person(f"ada-{slug}", "Ada"), _person(f"sam-{slug}", "Sam")
    made = {
        path: agents.register(
            domain=domain,
            slug=path,
            name=NAMES[path],
            purpose="Reviews code.",
            owner=ada,
            sponsor=sam,
            environment="production",
            actor=TESTER,
        )
        for path in PLAN
    }
    return Studio(
        domain=domain,
        grace=member(domain, "grace", "operate_runs", "review_gates", "read_audit"),
        ines=_person(f"ines-{slug}", "Ines"),
        workflow=save(domain),
        agents=made,
        tool=_tool(),
    )


def save(domain: Domain, text: str = SOURCE) -> Workflow:
    """Keep a workflow file."""
    return workflows.save(
        domain=domain, text=text, filename="review.yaml", git_commit="4f" * 20, actor=TESTER
    )


def member(domain: Domain, name: str, *permissions: str) -> Person:
    """Create somebody who may do these things in the domain."""
    someone = _person(f"{name}-{domain.slug}", name.capitalize())
    with recording():
        domains.admit(domain=domain, person=someone, permissions=permissions)
    return someone


def run(place: Studio, state: str, ago: float, lasted: float | None = None, **more: Any) -> Run:
    """Put a run there that began `ago` seconds ago."""
    begin = timezone.now() - timedelta(seconds=ago)
    made = Run.objects.create(
        domain=place.domain,
        workflow=place.workflow,
        initiator=place.ines,
        state=state,
        inputs={"repo": "/srv/git/demo", "branch": "feature/limits", "target": "main"},
        input_digest=DIGEST,
        deadline_at=begin + timedelta(hours=6),
        dedupe_key=uuid4().hex,
        started_at=begin,
        finished_at=None if lasted is None else begin + timedelta(seconds=lasted),
        **more,
    )
    Run.objects.filter(pk=made.pk).update(created_at=begin)
    made.refresh_from_db()
    tell(made, "run.started", workflow="review", version="1.2.0", inputs=DIGEST)
    return made


def lay_out(place: Studio, of: Run, stood: Mapping[str, Tries]) -> dict[str, Step]:
    """Give the run its steps and their tries; what is not named has not started."""
    steps = {
        path: _step(place, of, position, path, stood.get(path, Tries("blocked")))
        for position, path in enumerate(PLAN)
    }
    for path in {"style", "security"} & stood.keys():
        if steps[path].state == "succeeded":
            attach(steps[path], NAMES[path], {"findings": FINDINGS if path == "style" else []})
            tell(of, "checkpoint.held", step=path)
    return steps


def stop_at_gate(
    place: Studio, step: Step, opened: float, decided: tuple[str, float] | None = None
) -> Gate:
    """Let the step propose a merge that people must decide; `decided` is how and when."""
    action = _action(place, step)
    verdict = Verdict.objects.create(action=action, outcome="require_approval")
    state, after = decided or ("pending", None)
    gate = Gate.objects.create(
        domain=place.domain,
        action=action,
        verdict=verdict,
        state=state,
        sentence=SENTENCE,
        risk="high",
        valid_for_seconds=900,
        expires_at=_at(step.run, 4 * 3600),
        decided_at=None if after is None else _at(step.run, after),
    )
    Gate.objects.filter(pk=gate.pk).update(opened_at=_at(step.run, opened))
    Step.objects.filter(pk=step.pk).update(action=action)
    return gate


def review(place: Studio, gate: Gate, verb: str, comment: str = "") -> Review:
    """Let Grace decide the gate."""
    made = Review.objects.create(
        gate=gate,
        epoch=1,
        ordinal=1,
        person=place.grace,
        verb=verb,
        comment=comment,
        action_digest=DIGEST,
        presented_digest=DIGEST,
        presentation={},
        statement={},
        assurance="session",
        channel="web",
        idempotency_key=uuid4().hex,
    )
    outcome = {"approve": "approved", "reject": "rejected"}[verb]
    Decision.objects.create(gate=gate, outcome=outcome, action_digest=DIGEST)
    return made


def carry_out(gate: Gate, begin: float, end: float | None, state: str = "succeeded") -> Effect:
    """Let the approved action happen."""
    run = Run.objects.get(pk=str(gate.action.run_id))
    warrant = Warrant.objects.create(
        action=gate.action,
        verdict=gate.verdict,
        gate=gate,
        action_digest=DIGEST,
        state="claimed",
        expires_at=_at(run, 7200),
        claimed_at=_at(run, begin),
    )
    effect = Effect.objects.create(
        warrant=warrant,
        action=gate.action,
        run_id=run.pk,
        effect_key=uuid4().hex,
        effect_class="probe",
        state=state,
        fence=1,
        response={"commit": "9c1de0a4" * 5, "target": "main"} if state == "succeeded" else {},
        compensation={"action": "revert"},
        finished_at=None if end is None else _at(run, end),
    )
    Effect.objects.filter(pk=effect.pk).update(started_at=_at(run, begin))
    return effect


def _step(place: Studio, of: Run, position: int, path: str, stood: Tries) -> Step:
    ended = stood.spans[-1][1] if stood.spans else None
    final = stood.state in {"succeeded", "failed", "rejected"}
    step = Step.objects.create(
        run=of,
        path=path,
        position=position,
        agent=place.agents[path],
        state=stood.state,
        attempts=len(stood.spans),
        output=dict(stood.output),
        error_code=stood.error[0],
        error_detail=stood.error[1],
        started_at=_at(of, stood.spans[0][0]) if stood.spans else None,
        finished_at=(of.finished_at if ended is None else _at(of, ended)) if final else None,
    )
    for number, (begin, end, outcome) in enumerate(stood.spans, 1):
        attempt = _attempt(step, number, outcome, stood.error)
        ended_at = None if end is None else _at(of, end)
        found = Attempt.objects.filter(pk=attempt.pk)
        found.update(started_at=_at(of, begin), finished_at=ended_at)
    return step


def _attempt(step: Step, number: int, outcome: str, error: tuple[str, str]) -> Attempt:
    code, detail = error if outcome in {"failed", "crashed"} else ("", "")
    return Attempt.objects.create(
        step=step,
        number=number,
        kind=AttemptKind.TURN,
        epoch=number,
        worker="agents@desk",
        runner="process 0.1.0",
        outcome=outcome,
        error_code=code,
        error_detail=detail,
    )


def _action(place: Studio, step: Step) -> Action:
    return Action.objects.create(
        domain=place.domain,
        agent=agent_of(step),
        on_behalf_of=place.ines,
        tool=place.tool,
        run_id=step.run_id,
        step_path=step.path,
        effect_key=uuid4().hex,
        envelope={},
        digest=DIGEST,
    )


def attach(step: Step, name: str, content: Mapping[str, Any]) -> None:
    """Attach findings to a step, the way its agent worded them."""
    Exhibit.objects.create(
        domain=step.run.domain,
        run_id=step.run_id,
        step_path=step.path,
        agent=step.agent,
        name=name,
        kind="findings",
        trust="agent",
        content=dict(content),
        digest=DIGEST,
    )


def _tool() -> Tool:
    tool, _ = Tool.objects.get_or_create(
        slug="git.merge",
        defaults={
            "name": "Merge a branch",
            "schema": {},
            "schema_digest": DIGEST,
            "risk": "high",
            "reversibility": "compensable",
        },
    )
    return tool


def tell(of: Run, type: str, **payload: Any) -> None:
    with recording():
        record(
            stream=StreamKey("run", str(of.pk)),
            type=type,
            actor=TESTER,
            domain_id=of.domain_id,
            object=ObjectRef("run", str(of.pk)),
            payload=payload,
        )


def _at(of: Run, seconds: float) -> datetime:
    assert of.started_at is not None
    return of.started_at + timedelta(seconds=seconds)


def _person(username: str, name: str) -> Person:
    return Person.objects.create(username=username, display_name=name, email="")
