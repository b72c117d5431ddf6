"""The tool `release.deploy`: make a commit the current release of a target, once."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy

from governance.adapters import ExhibitDraft, Facts, Words
from governance.models import Reversibility, Risk
from orchestrator.runners.faults import as_effects, as_facts
from orchestrator.runners.git import history, merging
from orchestrator.runners.git.command import RepositoryError
from orchestrator.runners.git.difference import difference
from orchestrator.runners.git.repository import commit_in, open_repository
from orchestrator.runners.git.turn import turn
from orchestrator.runners.git.view import View
from orchestrator.runners.release.packing import Artifact, packed
from orchestrator.runners.release.target import NONE, Release, Target, open_target, release_name

SLUG = "release.deploy"
NAME = "Deploy a release"
DESCRIPTION = "Makes a commit of a local repository the current release of a target."
RISK, REVERSIBILITY = Risk.HIGH, Reversibility.COMPENSABLE
_PATH = {"type": "string", "minLength": 1, "maxLength": 1000}
SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": ["repository", "commit", "artifact", "target"],
    "properties": {
        "repository": {**_PATH, "description": "Absolute path of a local repository."},
        "commit": {"type": "string", "pattern": "^([0-9a-f]{40}|[0-9a-f]{64})$"},
        "artifact": {
            "type": "string",
            "pattern": "^[0-9a-f]{64}$",
            "description": "SHA-256 of the archive that was built and tested.",
        },
        "target": {**_PATH, "description": "Absolute path of a target's folder."},
    },
}
WORDS: Words = {
    "artifact": gettext_lazy("Archive that was tested, SHA-256"),
    "current": gettext_lazy("Release it takes the place of"),
    "commit_count": gettext_lazy("Commits"),
    "unsigned_commits": gettext_lazy("Commits without a signature"),
    "unverified_signers": gettext_lazy("Signers not known here"),
}


@dataclass(frozen=True, slots=True)
class _Plan:
    """What would be deployed where, in place of what."""

    target: Target
    artifact: Artifact
    commits: Sequence[history.Commit]
    change: Mapping[str, Any]


class Deploy:
    """Adapter of `release.deploy`. Pinned: the artifact, and the release it takes the place of."""

    slug = SLUG
    cedar_action = "deploy"
    words = WORDS
    effect_class = "probe"
    refuses_late_calls = True

    def __init__(self, repositories: Sequence[str] = (), targets: Sequence[str] = ()) -> None:
        self.repositories = tuple(map(Path, repositories))
        self.targets = tuple(map(Path, targets))

    def collect(self, arguments: Mapping[str, Any]) -> Facts:
        """Pack the commit anew, and let git verify all that is new since the current release."""
        plan = self._plan(arguments)
        target = plan.target
        return Facts(
            pins={"artifact": plan.artifact.digest, "current": target.current()},
            facts={
                **history.signature_facts(plan.commits),
                "commit_count": len(plan.commits),
                "current": target.current(),
                "version": plan.artifact.version,
            },
            resource_type="Target",
            resource_id=str(target.path),
            resource_attributes={"name": target.name, "environment": target.environment},
        )

    def sentence(self, arguments: Mapping[str, Any], pins: Mapping[str, str]) -> str:
        """Say which version would become current where, in place of which."""
        with as_facts():
            target = self._target(arguments)
            version = self._artifact(arguments).version
            before = target.release(pins["current"])
        instead = f"in place of {before.version}" if before else "as its first release"
        return f"Deploy {version} to {target.name} ({target.environment}), {instead}"

    def preview(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Sequence[ExhibitDraft]:
        """Show what changes against the current release, and the commits it comes from."""
        plan = self._plan(arguments)
        commits = {"commits": [c.as_json() for c in plan.commits], "count": len(plan.commits)}
        return [
            _draft("Changes to the current release", "diff", plan.change, arguments["commit"]),
            _draft("Commits", "commits", commits, arguments["commit"]),
        ]

    def delta(
        self, arguments: Mapping[str, Any], before: Mapping[str, str], after: Mapping[str, str]
    ) -> Sequence[ExhibitDraft]:
        """Show that another release is current, and what changes against that one."""
        with as_facts():
            target = self._target(arguments)
            names = [target.release(pins["current"]) for pins in (before, after)]
        told = {"approved_in_place_of": _told(names[0]), "now_in_place_of": _told(names[1])}
        moved = _draft("The target changed since the approval", "data", told, "")
        return [moved, *self.preview(arguments, after)]

    def compensation(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Describe the undo: the release that was current becomes so again."""
        with as_facts():
            target = self._target(arguments)
            before = target.release(pins["current"])
        back = f"back to {before.version}" if before else "back to no release"
        sentence = f"Switch {target.name} {back}"
        return {"action": "switch", "safe_if_absent": True, "sentence": sentence}

    def perform(
        self,
        arguments: Mapping[str, Any],
        pins: Mapping[str, str],
        *,
        effect_key: str,
        fence: int,
    ) -> Mapping[str, Any]:
        """Lay the release down and switch to it, if the pinned one is still current.

        An earlier try that got as far as this is found by its name and its response is ours.
        """
        with as_effects():
            target, artifact = self._target(arguments), self._artifact(arguments)
            release = Release(
                name=release_name(effect_key),
                commit=arguments["commit"],
                version=artifact.version,
                artifact=artifact.digest,
                previous=pins["current"],
            )
            with turn(target.path, effect_key, fence):
                if not target.was_current(release.name):
                    target.lay_down(release, artifact.files)
                    target.make_current(release.name, expected=pins["current"])
            return _response(target, release)

    def probe(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str], *, effect_key: str
    ) -> Mapping[str, Any] | None:
        """Return the response if this effect's release is current, or was."""
        with as_effects():
            target, name = self._target(arguments), release_name(effect_key)
            release = target.release(name)
            happened = release is not None and target.was_current(name)
        return _response(target, release) if release and happened else None

    def compensate(
        self,
        arguments: Mapping[str, Any],
        response: Mapping[str, Any],
        *,
        effect_key: str,
        fence: int,
    ) -> Mapping[str, Any]:
        """Switch back to the release before, unless this one is not current (any more)."""
        with as_effects():
            target, name = self._target(arguments), release_name(effect_key)
            with turn(target.path, f"{effect_key}undo", fence):
                release = target.release(name)
                if release and target.current() == name:
                    target.switch_back(expected=name, to=release.previous)
            return {"target": str(target.path), "current": target.current()}

    def _target(self, arguments: Mapping[str, Any]) -> Target:
        return open_target(arguments["target"], self.targets)

    @contextmanager
    def _reading(self, arguments: Mapping[str, Any]) -> Iterator[View]:
        repository = open_repository(arguments["repository"], self.repositories)
        with repository.reading() as view:
            commit_in(view, arguments["commit"])
            yield view

    def _artifact(self, arguments: Mapping[str, Any]) -> Artifact:
        with self._reading(arguments) as view:
            return _same(packed(view, arguments["commit"]), arguments)

    def _plan(self, arguments: Mapping[str, Any]) -> _Plan:
        with as_facts(), self._reading(arguments) as view:
            target, commit = self._target(arguments), arguments["commit"]
            artifact = _same(packed(view, commit), arguments)
            since = _commit_of(view, target.release(target.current()))
            old = merging.tree_of(view, since) if since else view.text("mktree").strip()
            return _Plan(
                target,
                artifact,
                history.commits_between(view, since, commit, target.signers),
                difference(view, old, merging.tree_of(view, commit)),
            )


def _same(artifact: Artifact, arguments: Mapping[str, Any]) -> Artifact:
    if artifact.digest != arguments["artifact"]:
        raise RepositoryError(
            "The commit does not pack to the artifact that was built and tested."
        )
    return artifact


def _commit_of(view: View, release: Release | None) -> str:
    """Return the commit of the current release, empty where the repository does not know it."""
    if release is None:
        return ""
    try:
        return commit_in(view, release.commit)
    except RepositoryError:
        return ""


def _told(release: Release | None) -> str:
    return f"{release.version} ({release.commit[:12]})" if release else NONE


def _response(target: Target, release: Release) -> dict[str, Any]:
    return {
        "target": str(target.path),
        "release": release.name,
        "version": release.version,
        "previous": release.previous,
    }


def _draft(name: str, kind: str, content: Mapping[str, Any], subject: str) -> ExhibitDraft:
    return ExhibitDraft(name=name, kind=kind, content=content, trust="tool", subject=subject)
