"""The tool `credential.rotate`: give an account of a service another credential, for good."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.adapters import EffectRefusedError, ExhibitDraft, Facts, Words
from governance.models import Reversibility, Risk
from orchestrator.runners.console.service import ACCOUNT
from orchestrator.runners.console.tool import (
    PATH,
    LastingTool,
    draft,
    service_facts,
)
from orchestrator.runners.faults import as_effects, as_facts
from orchestrator.runners.git.turn import turn

SLUG = "credential.rotate"
NAME = "Rotate a credential"
DESCRIPTION = "Gives an account of a local service another credential; the old one ends at once."
RISK, REVERSIBILITY = Risk.HIGH, Reversibility.IRREVERSIBLE
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["service", "account"],
    "properties": {"service": PATH, "account": {"type": "string", "pattern": ACCOUNT}},
}
WORDS: Words = {
    "fingerprint": gettext_lazy("Credential that ends, fingerprint"),
}


class Rotate(LastingTool):
    """Adapter of `credential.rotate`. Pinned: the fingerprint of the credential that ends.

    The new credential is written by the service for its client; it never passes here.
    """

    slug = SLUG
    cedar_action = "rotate"
    words = WORDS
    effect_class = "probe"
    refuses_late_calls = True
    lasting = gettext_lazy("A credential that ended cannot be brought back.")

    def collect(self, arguments: Mapping[str, Any]) -> Facts:
        """Ask the service which credential the account has."""
        with as_facts():
            service = self.service(arguments)
            fingerprint = service.fingerprint(arguments["account"])
        return service_facts(service, "fingerprint", fingerprint)

    def sentence(self, arguments: Mapping[str, Any], pins: Mapping[str, str]) -> str:
        """Say whose credential would end."""
        with as_facts():
            name = self.service(arguments).name
        words = {"account": arguments["account"], "service": name}
        return _("Rotate the credential of “%(account)s” at %(service)s") % words

    def preview(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Sequence[ExhibitDraft]:
        """Show which credential ends."""
        content = {"account": arguments["account"], "ends": pins["fingerprint"]}
        return [draft(_("Credential"), content)]

    def perform(
        self,
        arguments: Mapping[str, Any],
        pins: Mapping[str, str],
        *,
        effect_key: str,
        fence: int,
    ) -> Mapping[str, Any]:
        """Command it, once by the key, if the pinned credential is still the account's."""
        command = {
            "command": "rotate",
            "account": arguments["account"],
            "expected": pins["fingerprint"],
        }
        with as_effects():
            service = self.service(arguments)
            with turn(service.path, effect_key, fence):
                done = service.command(effect_key, command)
        if "refused" in done:
            raise EffectRefusedError(str(done["refused"]))
        return done

    def probe(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str], *, effect_key: str
    ) -> Mapping[str, Any] | None:
        """Ask the service whether it has carried the command out."""
        with as_effects():
            done = self.service(arguments).outcome(effect_key)
        return None if done is None or "refused" in done else done
