"""The tool `git.commit`: put files into a branch of a local repository by one commit, once."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_lazy

from governance.adapters import ExhibitDraft, Facts, Words
from governance.models import Reversibility, Risk
from orchestrator.runners.faults import as_effects, as_facts
from orchestrator.runners.git import merging, rules
from orchestrator.runners.git.branch import BranchTool, branch_facts, commit_of
from orchestrator.runners.git.command import RepositoryError
from orchestrator.runners.git.difference import difference
from orchestrator.runners.git.edits import edited_tree, touches_tests
from orchestrator.runners.git.movement import Movement
from orchestrator.runners.git.repository import object_id

SLUG = "git.commit"
NAME = "Commit files"
DESCRIPTION = "Puts files into a branch of a local repository by one commit."
RISK, REVERSIBILITY = Risk.MEDIUM, Reversibility.COMPENSABLE
SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": ["repository", "branch", "base", "message", "files"],
    "properties": {
        "repository": {
            "type": "string",
            "minLength": 1,
            "maxLength": 1000,
            "description": "Absolute path of a local repository.",
        },
        "branch": {"type": "string", "minLength": 1, "maxLength": 200},
        "base": {
            "type": "string",
            "pattern": "^([0-9a-f]{40}|[0-9a-f]{64})$",
            "description": "The head of the branch that the files were made from.",
        },
        "message": {"type": "string", "minLength": 1, "maxLength": 2000},
        "files": {
            "type": "array",
            "minItems": 1,
            "maxItems": 50,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["path", "text"],
                "properties": {
                    "path": {"type": "string", "minLength": 1, "maxLength": 400},
                    "text": {"type": "string", "maxLength": 200_000},
                },
            },
        },
    },
}
WORDS: Words = {
    "base": gettext_lazy("Made from commit"),
    "message": gettext_lazy("Commit message"),
    "head_sha": gettext_lazy("Head of the branch"),
    "tree": gettext_lazy("Files after the commit"),
    "changed_lines": gettext_lazy("Lines changed"),
    "touches_tests": gettext_lazy("It changes tests"),
    "target_protected": gettext_lazy("The branch is protected"),
    "protected": gettext_lazy("The branch is protected"),
}


class GitCommit(BranchTool):
    """Adapter of `git.commit`. What was approved is pinned by the branch's head and the tree."""

    slug = SLUG
    cedar_action = "commit"
    words = WORDS
    moves = "branch"

    def collect(self, arguments: Mapping[str, Any]) -> Facts:
        """Pin head and tree, and count what changes; a branch that moved is told."""
        with as_facts():
            repository, branch = self.repository(arguments), arguments["branch"]
            head = repository.head_of(branch)
            if head != arguments["base"]:
                raise RepositoryError(f"Branch {branch} moved since the files were made.")
            with repository.reading() as view:
                tree = edited_tree(view, head, arguments["files"])
                change = difference(view, merging.tree_of(view, head), tree)
                asked, _ = rules.demands_at(view, head)
            if not change["files"]:
                raise RepositoryError("The files are in the branch already.")
        seen = {
            "changed_lines": change["added"] + change["removed"],
            "touches_tests": touches_tests(arguments["files"]),
            "head_sha": head,
        }
        pins = {"head_sha": head, "tree": tree}
        return branch_facts(repository, branch, pins, seen, protected=asked.protects(branch))

    def sentence(self, arguments: Mapping[str, Any], pins: Mapping[str, str]) -> str:
        """Say which files change where."""
        with as_facts():
            name = self.repository(arguments).name
        paths = [file["path"] for file in arguments["files"]]
        more = f" and {len(paths) - 1} more" if paths[1:] else ""
        return f"Commit {paths[0]}{more} to {arguments['branch']} of {name}"

    def preview(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Sequence[ExhibitDraft]:
        """Show the whole change to the branch."""
        with as_facts(), self.repository(arguments).reading() as view:
            head = object_id(pins["head_sha"])
            tree = edited_tree(view, head, arguments["files"])
            change = difference(view, merging.tree_of(view, head), tree)
        return [ExhibitDraft("Changes to the branch", "diff", change, "tool", head)]

    def delta(
        self, arguments: Mapping[str, Any], before: Mapping[str, str], after: Mapping[str, str]
    ) -> Sequence[ExhibitDraft]:
        """Show the whole change again: files made from another head are not asked about."""
        return self.preview(arguments, after)

    def compensation(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Describe the undo: one commit on the branch that reverts this one."""
        sentence = f"Revert the commit on {arguments['branch']}"
        return {"action": "revert", "branch": arguments["branch"], "sentence": sentence}

    def perform(
        self,
        arguments: Mapping[str, Any],
        pins: Mapping[str, str],
        *,
        effect_key: str,
        fence: int,
    ) -> Mapping[str, Any]:
        """Write the commit and move the branch by compare-and-swap from its pinned head.

        An earlier try that got as far as this is found by its trailer and its response is ours.
        """
        with as_effects(), self.turn(arguments, effect_key, fence) as change:
            head = object_id(pins["head_sha"])
            if found := _found(change, pins, effect_key):
                return change.settled(found, head)
            with change.repository.writing() as view:
                tree = edited_tree(view, head, arguments["files"])
                if tree != pins["tree"]:
                    raise RepositoryError("The commit would not be the one that was approved.")
                message = merging.effect_message(arguments["message"], effect_key, fence)
                new = merging.written_commit(view, tree, (head,), message)
            return change.made(new, head)

    def probe(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str], *, effect_key: str
    ) -> Mapping[str, Any] | None:
        """Look for the commit of this effect, and finish its work trees if it is there."""
        with as_effects(), self.turn(arguments) as change:
            found = _found(change, pins, effect_key)
            return change.settled(found, object_id(pins["head_sha"])) if found else None

    def compensate(
        self,
        arguments: Mapping[str, Any],
        response: Mapping[str, Any],
        *,
        effect_key: str,
        fence: int,
    ) -> Mapping[str, Any]:
        """Revert the commit named by `response`; a revert that is there already is kept."""
        title = f"Revert “{arguments['message'].splitlines()[0]}”"
        return self.revert(arguments, response, title, effect_key=effect_key, fence=fence)


def _found(change: Movement, pins: Mapping[str, str], key: str) -> str:
    return commit_of(change, key, pins["tree"], [object_id(pins["head_sha"])])
