"""The cast, their domain, and a ledger: the smallest tool whose effects can be counted.

Ada owns the agent `scout` and Sam sponsors it; Ines starts what it does; Grace is a maintainer
who may decide; Mallory is a maintainer of another domain.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from audit.services.events import recording
from audit.types import Actor
from governance import adapters
from governance.adapters import EffectRefusedError, ExhibitDraft, Facts, FactUnavailableError
from governance.models import (
    Agent,
    Bundle,
    Domain,
    Effect,
    Environment,
    Exhibit,
    Gate,
    Person,
    Review,
    Tool,
    Warrant,
)
from governance.selectors import gates
from governance.services import (
    actions,
    agents,
    bundles,
    domains,
    effects,
    reviews,
    tools,
    warrants,
)
from governance.services.actions import Prepared, Proposed

TESTER = Actor.system("test")
REVIEWER = ("review_gates",)

_LEDGER_SCHEMA = """
  entity Ledger = { domain: Domain, name: String };
  action "ledger.append" appliesTo {
    principal: [Agent],
    resource: [Ledger],
    context: {
      base: Base,
      args: { ledger: String, line: String },
      facts: { lines: Long, guarded: Bool, sealed: Bool }
    }
  };
}
"""
SCHEMA = (files("governance.policy") / "schema.cedarschema").read_text().rstrip().removesuffix(
    "}"
) + _LEDGER_SCHEMA
PERMIT = """
@id("permit.ledger") @tier("permit")
permit (principal in Countersign::AgentClass::"clerk",
        action == Countersign::Action::"ledger.append", resource);
"""
GATE = """
@id("gate.guarded") @tier("gate") @reason("guarded_ledger")
@quorum("1") @group("maintainers") @distinct_from("initiator,owner")
@decide_within("PT4H") @valid_for("PT10M")
forbid (principal, action == Countersign::Action::"ledger.append", resource)
when { context.facts.guarded };
"""
BOUNDARIES = """
@id("boundary.sealed") @tier("boundary") @reason("sealed_ledger")
forbid (principal, action == Countersign::Action::"ledger.append", resource)
when { context.facts.sealed };

@id("boundary.domain") @tier("boundary") @reason("cross_domain")
forbid (principal, action, resource)
unless { principal.domain == resource.domain && principal.domain == context.base.domain };

@id("boundary.lifecycle") @tier("boundary") @reason("agent_not_active")
forbid (principal is Countersign::Agent, action, resource)
unless { principal.lifecycle == "active" && principal has owner && principal.owner.active };
"""
POLICIES = PERMIT + GATE + BOUNDARIES


class LedgerAppend:
    """Appends a line to a text file. `guarded` ledgers need people, `SEALED` ones refuse."""

    slug = "ledger.append"
    cedar_action = "ledger.append"
    words = {"content": "What is in it now"}
    effect_class = "probe"
    # The content is pinned, so whoever comes second finds another one.
    refuses_late_calls = True

    def collect(self, arguments: Mapping[str, Any]) -> Facts:
        """Pin the whole content by its digest."""
        text = _text(arguments)
        return Facts(
            pins={"content": _digest(text)},
            facts={
                "lines": text.count("\n"),
                "guarded": "guarded" in Path(arguments["ledger"]).name,
                "sealed": "SEALED" in text,
            },
            resource_type="Ledger",
            resource_id=arguments["ledger"],
            resource_attributes={"name": Path(arguments["ledger"]).name},
        )

    def sentence(self, arguments: Mapping[str, Any], pins: Mapping[str, str]) -> str:
        """Say which line goes where."""
        return f"Append “{arguments['line']}” to {Path(arguments['ledger']).name}"

    def preview(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Sequence[ExhibitDraft]:
        """Show the line that will be added."""
        return [_draft("The new line", {"added": [arguments["line"]]}, pins)]

    def delta(
        self, arguments: Mapping[str, Any], before: Mapping[str, str], after: Mapping[str, str]
    ) -> Sequence[ExhibitDraft]:
        """Show that the content below the new line is another one."""
        moved = {"before": before["content"], "after": after["content"]}
        return [_draft("Changes since the approval", moved, after)]

    def compensation(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Describe the undo: the line is taken out."""
        return {"action": "remove", "sentence": f"Take out the line “{arguments['line']}”"}

    def perform(
        self,
        arguments: Mapping[str, Any],
        pins: Mapping[str, str],
        *,
        effect_key: str,
        fence: int,
    ) -> Mapping[str, Any]:
        """Append the line once, unless the content moved."""
        if _digest(_text(arguments)) != pins["content"]:
            raise EffectRefusedError("the ledger moved")
        with Path(arguments["ledger"]).open("a") as ledger:
            ledger.write(f"{arguments['line']} #{effect_key}\n")
        return {"line": arguments["line"]}

    def probe(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str], *, effect_key: str
    ) -> Mapping[str, Any] | None:
        """Look for the key in the ledger."""
        return {"line": arguments["line"]} if f"#{effect_key}\n" in _text(arguments) else None

    def compensate(
        self,
        arguments: Mapping[str, Any],
        response: Mapping[str, Any],
        *,
        effect_key: str,
        fence: int,
    ) -> Mapping[str, Any]:
        """Take the line with the key out again."""
        kept = [
            line
            for line in _text(arguments).splitlines(keepends=True)
            if not line.endswith(f"#{effect_key}\n")
        ]
        Path(arguments["ledger"]).write_text("".join(kept))
        return {"removed": True}


LEDGER = LedgerAppend()
adapters.register(LEDGER)


@dataclass(frozen=True)
class House:
    """One domain with its people, its agent, its policies and two ledgers."""

    domain: Domain
    ada: Person
    grace: Person
    ines: Person
    sam: Person
    mallory: Person
    scout: Agent
    tool: Tool
    bundle: Bundle
    guarded: Path
    open: Path


def person(username: str, **fields: Any) -> Person:
    """Create an active person who may sign in."""
    return Person.objects.create(
        username=username, display_name=username.capitalize(), **{"email": "", **fields}
    )


def member(username: str, domain: Domain, **fields: Any) -> Person:
    """Create a maintainer of the domain who may review."""
    someone = person(username, **fields)
    with recording():
        domains.admit(domain=domain, person=someone, permissions=REVIEWER)
    return someone


def agent(domain: Domain, owner: Person, sponsor: Person, **fields: Any) -> Agent:
    """Register an active agent of the class that may write ledgers."""
    return agents.register(
        **{
            "domain": domain,
            "slug": "scout",
            "name": "Scout",
            "purpose": "Keeps the ledgers.",
            "owner": owner,
            "sponsor": sponsor,
            "environment": Environment.PRODUCTION,
            "classes": ["clerk"],
            "actor": TESTER,
            **fields,
        }
    )


def ledger_tool(domain: Domain, **fields: Any) -> Tool:
    """Register the tool `ledger.append`."""
    return tools.register(
        **{
            "slug": LEDGER.slug,
            "name": "Append to a ledger",
            "description": "Adds one line to a text file.",
            "schema": {
                "type": "object",
                "additionalProperties": False,
                "required": ["ledger", "line"],
                "properties": {
                    "ledger": {"type": "string"},
                    "line": {"type": "string", "maxLength": 1000},
                },
            },
            "risk": "high",
            "reversibility": "compensable",
            "actor": TESTER,
            "domain": domain,
            **fields,
        }
    )


def bundle(domain: Domain, policies: str = POLICIES) -> Bundle:
    """Make these policies rule the domain."""
    return bundles.activate(domain=domain, policies=policies, schema=SCHEMA, actor=TESTER)


@recording()
def house(place: Path) -> House:
    """Set up, at once, everything a proposal needs; the ledgers are files in `place`."""
    domain = domains.found(slug="home", name="Home", actor=TESTER)
    elsewhere = domains.found(slug="elsewhere", name="Elsewhere", actor=TESTER)
    ada, sam = member("ada", domain), person("sam")
    guarded, free = place / "guarded.txt", place / "open.txt"
    guarded.write_text("first\n")
    free.write_text("first\n")
    return House(
        domain=domain,
        ada=ada,
        grace=member("grace", domain),
        ines=member("ines", domain),
        sam=sam,
        mallory=member("mallory", elsewhere),
        scout=agent(domain, ada, sam),
        tool=ledger_tool(domain),
        bundle=bundle(domain),
        guarded=guarded,
        open=free,
    )


def prepared(
    home: House, ledger: Path | None = None, line: str = "second", **where: Any
) -> Prepared:
    """Prepare what Scout wants to append on behalf of Ines, by default to the guarded ledger."""
    return actions.prepare(
        **{
            "agent": home.scout,
            "tool_slug": home.tool.slug,
            "arguments": {"ledger": str(ledger or home.guarded), "line": line},
            "on_behalf_of": home.ines,
            **where,
        }
    )


def proposed(
    home: House,
    ledger: Path | None = None,
    line: str = "second",
    exhibits: Sequence[Exhibit] = (),
    rationale: str = "It belongs there.",
    **where: Any,
) -> Proposed:
    """Propose it."""
    return actions.propose(
        prepared=prepared(home, ledger, line, **where), exhibits=exhibits, rationale=rationale
    )


def open_gate(home: House, **fields: Any) -> Gate:
    """Propose something that people must decide."""
    gate = proposed(home, **fields).gate
    assert gate is not None
    return gate


def lines_in(ledger: Path) -> int:
    """Count what was really written: the effects in the world."""
    return len(ledger.read_text().splitlines()) - 1


def _text(arguments: Mapping[str, Any]) -> str:
    try:
        return Path(arguments["ledger"]).read_text()
    except OSError as error:
        raise FactUnavailableError(f"the ledger cannot be read: {error}") from error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _draft(name: str, content: Mapping[str, Any], pins: Mapping[str, str]) -> ExhibitDraft:
    return ExhibitDraft(
        name=name, kind="ledger", content=content, trust="tool", subject=pins["content"]
    )


def stamp_for(gate: Gate, someone: Person) -> str:
    """Open the gate's page as this person and return the stamp it carries."""
    return gates.gate_for(someone, gate.pk).stamp


def review(gate: Gate, someone: Person, verb: str = "approve", **fields: Any) -> Review:
    """Read the gate and review it at once."""
    if "stamp" not in fields:
        fields["stamp"] = stamp_for(gate, someone)
    return reviews.give(
        **{
            "gate_id": gate.pk,
            "person": someone,
            "verb": verb,
            "comment": "Looks right.",
            "idempotency_key": secrets.token_hex(8),
            "channel": "web",
            **fields,
        }
    )


def approved(home: House, **fields: Any) -> Warrant:
    """Propose, let Grace approve, and return the warrant."""
    gate = open_gate(home, **fields)
    review(gate, home.grace)
    return Warrant.objects.get(gate=gate)


def allowed(home: House, **fields: Any) -> Warrant:
    """Propose something policy allows, and return the warrant."""
    warrant = proposed(home, home.open, **fields).warrant
    assert warrant is not None
    return warrant


def claimed(warrant: Warrant, worker: str = "worker-1", fence: int = 1) -> warrants.Outcome:
    """Inspect and claim the warrant, as a worker does."""
    inspection = warrants.inspect(warrant_id=warrant.pk)
    return warrants.claim(warrant_id=warrant.pk, inspection=inspection, worker=worker, fence=fence)


def performed(warrant: Warrant) -> Effect | None:
    """Do what a worker does from claim to result; returns the effect if one was started."""
    outcome = claimed(warrant)
    if not isinstance(outcome, warrants.Claimed):
        return None
    effect, envelope = outcome.effect, outcome.effect.action.envelope
    response = LEDGER.perform(
        envelope["arguments"], envelope["pins"], effect_key=effect.effect_key, fence=effect.fence
    )
    return effects.succeed(effect_id=effect.pk, fence=effect.fence, response=response)
