"""The words people read for reason codes. Policies may use codes that are not listed here."""

from collections.abc import Iterable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

WORDS = {
    "no_policy": gettext_noop("No policies are active in this domain."),
    "no_grant": gettext_noop("No policy permits this."),
    "policy_error": gettext_noop("A policy could not be evaluated, so nothing is allowed."),
    "fact_unavailable": gettext_noop("Something policy needs to know could not be established."),
    "unsatisfiable_quorum": gettext_noop(
        "Too few people could agree to this; invite somebody who may."
    ),
    "agent_not_active": gettext_noop("The agent is not active."),
    "cross_domain": gettext_noop("It reaches into another domain."),
    "protected_branch": gettext_noop("The target branch is protected."),
    "checkpoint_not_met": gettext_noop("What a checkpoint asks for did not hold."),
    "workflow_gate": gettext_noop("The workflow asks people to agree to this step."),
    "supplied_output": gettext_noop("A person supplied the output instead of the agent."),
    "unsigned_commits": gettext_noop("Commits are not signed by somebody known."),
    "no_linked_issue": gettext_noop("No commit names an issue."),
    "changes_tests": gettext_noop("It changes tests, which are people's."),
    "large_change": gettext_noop("It changes more than a few lines."),
    "production_release": gettext_noop("It changes what runs in production."),
    "interrupts_service": gettext_noop("It interrupts what people use."),
    "experts_only_advise": gettext_noop("An expert advises; it may do nothing."),
    "scanners_only_look": gettext_noop("A scanner looks and reports; it may do nothing."),
    "plan_needs_people": gettext_noop("People agree to a plan before it is followed."),
    "environment_mismatch": gettext_noop("The agent works in another environment."),
}


def words_of(codes: Iterable[str]) -> str:
    """Return one sentence per code, the code itself in plain words when nobody wrote one."""
    return " ".join(_(WORDS[code]) if code in WORDS else _plain(code) for code in codes)


def _plain(code: str) -> str:
    return f"{code.replace('_', ' ').replace('.', ' ').strip().capitalize()}."
