"""The tool `git.merge`: merge one branch of a local repository into another, once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy

from governance.adapters import ExhibitDraft, Facts, Words
from orchestrator.runners.faults import as_effects, as_facts
from orchestrator.runners.git import history, merging, rules
from orchestrator.runners.git.branch import BranchTool, branch_facts, commit_of
from orchestrator.runners.git.command import RepositoryError
from orchestrator.runners.git.difference import count_files, difference
from orchestrator.runners.git.movement import Movement
from orchestrator.runners.git.repository import Repository, commit_in, object_id
from orchestrator.runners.git.view import View

SLUG = "git.merge"
SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": ["repository", "source", "target"],
    "properties": {
        "repository": {
            "type": "string",
            "minLength": 1,
            "maxLength": 1000,
            "description": "Absolute path of a local repository.",
        },
        "source": {"type": "string", "minLength": 1, "maxLength": 200},
        "target": {"type": "string", "minLength": 1, "maxLength": 200},
    },
}
WORDS: Words = {
    "source": gettext_lazy("Branch to merge"),
    "target": gettext_lazy("Into branch"),
    "source_sha": gettext_lazy("Head of the branch to merge"),
    "target_sha": gettext_lazy("Head of the target branch"),
    "merged_tree": gettext_lazy("Files after the merge"),
    "head_sha": gettext_lazy("Head of the branch to merge"),
    "commit_count": gettext_lazy("Commits"),
    "unsigned_commits": gettext_lazy("Commits without a signature"),
    "unverified_signers": gettext_lazy("Signers not known here"),
    "signatures_required": gettext_lazy("Signatures are required"),
    "linked_issues": gettext_lazy("Issues that commits name"),
    "target_protected": gettext_lazy("The target branch is protected"),
    "protected": gettext_lazy("The branch is protected"),
}


@dataclass(frozen=True, slots=True)
class Heads:
    """The two branches of one merge, resolved to commits."""

    source: str
    target: str


class GitMerge(BranchTool):
    """Adapter of `git.merge`. What was approved is pinned by both heads and the merged tree."""

    slug = SLUG
    cedar_action = "merge"
    words = WORDS
    moves = "target"

    def collect(self, arguments: Mapping[str, Any]) -> Facts:
        """Pin both heads and the merged tree, and let git verify every commit in between."""
        with as_facts():
            repository = self.repository(arguments)
            heads = _heads(repository, arguments)
            with repository.reading() as view:
                tree = merging.merged_tree(view, heads.target, heads.source)
                asked, signers = rules.demands_at(view, heads.target)
                commits = _commits(view, heads, signers)
        seen = {
            **history.signature_facts(commits),
            "commit_count": len(commits),
            "linked_issues": sorted({i for commit in commits for i in commit.issues}),
            "signatures_required": asked.require_signed_commits,
            "head_sha": heads.source,
        }
        target, protected = arguments["target"], asked.protects(arguments["target"])
        pins = {"source_sha": heads.source, "target_sha": heads.target, "merged_tree": tree}
        return branch_facts(repository, target, pins, seen, protected=protected)

    def sentence(self, arguments: Mapping[str, Any], pins: Mapping[str, str]) -> str:
        """Say what would be merged where, and how much it is with exactly these pins."""
        with as_facts():
            repository = self.repository(arguments)
            heads = _pinned(pins)
            with repository.reading() as view:
                tree = _mergeable(view, heads)
                commits = history.count_between(view, heads.target, heads.source)
                files = count_files(view, merging.tree_of(view, heads.target), tree)
        amount = f"{_counted(commits, 'commit')}, {_counted(files, 'file')}"
        return f"{_title(arguments)} of {repository.name} ({amount})"

    def preview(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Sequence[ExhibitDraft]:
        """Show the whole change to the target branch, and the commits it comes from."""
        with as_facts():
            heads = _pinned(pins)
            with self.repository(arguments).reading() as view:
                tree = _mergeable(view, heads)
                change = difference(view, merging.tree_of(view, heads.target), tree)
                _, signers = rules.demands_at(view, heads.target)
                commits = _commits(view, heads, signers)
        return [
            _draft("Changes to the target branch", "diff", change, heads.source),
            _draft("Commits", "commits", _listed(commits), heads.source),
        ]

    def delta(
        self, arguments: Mapping[str, Any], before: Mapping[str, str], after: Mapping[str, str]
    ) -> Sequence[ExhibitDraft]:
        """Show the commits that are new since `before` and how the merged result differs."""
        with as_facts():
            then, now = _pinned(before), _pinned(after)
            with self.repository(arguments).reading() as view:
                old = _mergeable(view, then)
                change = difference(view, old, _mergeable(view, now))
                _, signers = rules.demands_at(view, now.target)
                commits = history.commits_between(
                    view, now.target, now.source, signers, but_not=then.source
                )
        return [
            _draft("Changes since the approval", "diff", change, now.source),
            _draft("Commits since the approval", "commits", _listed(commits), now.source),
        ]

    def compensation(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Describe the undo: one commit on the target branch that reverts the merge."""
        return {
            "action": "revert",
            "branch": arguments["target"],
            "sentence": f"Revert the merge of {arguments['source']} on {arguments['target']}",
        }

    def perform(
        self,
        arguments: Mapping[str, Any],
        pins: Mapping[str, str],
        *,
        effect_key: str,
        fence: int,
    ) -> Mapping[str, Any]:
        """Write the merge commit and move the branch by compare-and-swap from its pinned head.

        An earlier try that got as far as this is found by its trailer and its response is ours.
        """
        with as_effects(), self.turn(arguments, effect_key, fence) as change:
            heads = _pinned(pins)
            if found := _found(change, pins, effect_key):
                return change.settled(found, heads.target)
            with change.repository.writing() as view:
                commit_in(view, heads.source)
                tree = _same_tree(merging.merged_tree(view, heads.target, heads.source), pins)
                message = merging.effect_message(_title(arguments), effect_key, fence)
                parents = (heads.target, heads.source)
                new = merging.written_commit(view, tree, parents, message)
            return change.made(new, heads.target)

    def probe(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str], *, effect_key: str
    ) -> Mapping[str, Any] | None:
        """Look for the merge commit of this effect, and finish its work trees if it is there."""
        with as_effects(), self.turn(arguments) as change:
            found = _found(change, pins, effect_key)
            return change.settled(found, object_id(pins["target_sha"])) if found else None

    def compensate(
        self,
        arguments: Mapping[str, Any],
        response: Mapping[str, Any],
        *,
        effect_key: str,
        fence: int,
    ) -> Mapping[str, Any]:
        """Revert the merge commit named by `response`; a revert that is there already is kept."""
        title = f"Revert merge of branch {arguments['source']}"
        return self.revert(arguments, response, title, effect_key=effect_key, fence=fence)


def _heads(repository: Repository, arguments: Mapping[str, Any]) -> Heads:
    source, target = arguments["source"], arguments["target"]
    if source == target:
        raise RepositoryError(f"{source} cannot be merged into itself.")
    return Heads(*repository.heads_of(source, target))


def _pinned(pins: Mapping[str, str]) -> Heads:
    return Heads(object_id(pins["source_sha"]), object_id(pins["target_sha"]))


def _mergeable(view: View, heads: Heads) -> str:
    commit_in(view, heads.source)
    commit_in(view, heads.target)
    return merging.merged_tree(view, heads.target, heads.source)


def _commits(view: View, heads: Heads, signers: str) -> list[history.Commit]:
    commits = history.commits_between(view, heads.target, heads.source, signers)
    if not commits:
        raise RepositoryError("There is nothing to merge: the target has every commit already.")
    return commits


def _same_tree(tree: str, pins: Mapping[str, str]) -> str:
    if tree != pins["merged_tree"]:
        raise RepositoryError("The merge would no longer give the result that was approved.")
    return tree


def _found(change: Movement, pins: Mapping[str, str], key: str) -> str:
    heads = _pinned(pins)
    return commit_of(change, key, pins["merged_tree"], [heads.target, heads.source])


def _title(arguments: Mapping[str, Any]) -> str:
    return f"Merge branch {arguments['source']} into {arguments['target']}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _listed(commits: Sequence[history.Commit]) -> dict[str, Any]:
    return {"commits": [commit.as_json() for commit in commits], "count": len(commits)}


def _draft(name: str, kind: str, content: Mapping[str, Any], subject: str) -> ExhibitDraft:
    return ExhibitDraft(name=name, kind=kind, content=content, trust="tool", subject=subject)
