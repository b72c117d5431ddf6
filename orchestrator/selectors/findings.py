"""What agents attached to a run, with its content, for the run's own page."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from governance.models import Exhibit
from governance.selectors.gate_view import ExhibitView
from orchestrator.selectors.run_view import RunView

KIND = "findings"
MOST_SHOWN = 50


def findings_of(run: RunView) -> Mapping[str, Sequence[ExhibitView]]:
    """Return the findings of a run the caller may see by step, in one query.

    The gate shows all of them, because people decide there; here the worst ones are enough.
    """
    found = Exhibit.objects.filter(run_id=run.id, kind=KIND).select_related("agent")
    by_step: dict[str, list[ExhibitView]] = {}
    for exhibit in found.order_by("created_at", "id"):
        by_step.setdefault(exhibit.step_path, []).append(_shortened(_view(exhibit)))
    return by_step


def _view(exhibit: Exhibit) -> ExhibitView:
    return ExhibitView(
        id=str(exhibit.pk),
        name=exhibit.name,
        kind=exhibit.kind,
        trust=exhibit.trust,
        agent_name=exhibit.agent.name if exhibit.agent else "",
        subject=exhibit.subject,
        stale=False,
        truncated=False,
        digest=exhibit.digest,
        content=exhibit.content,
    )


def _shortened(view: ExhibitView) -> ExhibitView:
    findings: Any = view.content.get(KIND)
    if not isinstance(findings, list) or len(findings) <= MOST_SHOWN:
        return view
    content = {**view.content, KIND: findings[:MOST_SHOWN]}
    return replace(view, content=content, truncated=True)
