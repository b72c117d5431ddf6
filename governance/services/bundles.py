"""Policy bundles: immutable, numbered, one active per domain."""

from functools import lru_cache
from uuid import UUID

from django.db.models import Max
from django.utils.translation import gettext as _

from audit.canonical import digest
from audit.services.events import record, recording
from audit.types import Actor, ObjectRef, StreamKey
from governance.models import Bundle, Domain
from governance.policy.bundle import CompiledBundle, PolicyError, compile_bundle
from governance.refusals import Invalid


def activate(*, domain: Domain, policies: str, schema: str, actor: Actor) -> Bundle:
    """Make these policies rule the domain from now on; the active ones again change nothing.

    They are compiled first, so that no bundle that cannot be evaluated is ever active. Going
    back to older policies is a new number with the old text.
    """
    _compile(policies, schema)
    text_digest = digest({"schema": schema, "policies": policies})
    with recording():
        active = _active(domain)
        if active and active.digest == text_digest:
            return active
        bundle = _replace(domain, policies, schema, text_digest)
        record(
            stream=StreamKey("policy", str(domain.pk)),
            type="bundle.activated",
            actor=actor,
            domain_id=domain.pk,
            object=ObjectRef("bundle", str(bundle.pk)),
            payload={"number": bundle.number, "digest": text_digest},
        )
    return bundle


def active_for(domain_id: UUID) -> tuple[Bundle, CompiledBundle] | None:
    """Return the domain's active bundle and its parsed form; None means all is denied.

    Its text, which may be long, is read once in a process for each digest.
    """
    found = Bundle.objects.filter(domain=domain_id, is_active=True)
    bundle = found.defer("policies", "schema").first()
    return (bundle, _of_digest(bundle.digest)) if bundle else None


def are_about(*, domain: Domain, action: str) -> bool:
    """Whether the policies that rule the domain know of this action; no policy does not."""
    active = active_for(domain.pk)
    return active is not None and active[1].is_about(action)


def may_permit(*, domain: Domain, action: str) -> bool:
    """Whether any policy that rules the domain could permit this action."""
    active = active_for(domain.pk)
    return active is not None and active[1].may_permit(action)


def _active(domain: Domain) -> Bundle | None:
    return Bundle.objects.filter(domain=domain, is_active=True).first()


@lru_cache(maxsize=16)
def _of_digest(text_digest: str) -> CompiledBundle:
    texts = Bundle.objects.filter(digest=text_digest).values_list("policies", "schema")
    return _parsed(*texts[:1].get())


def _replace(domain: Domain, policies: str, schema: str, text_digest: str) -> Bundle:
    # The domain's row keeps two activations apart; the constraints would refuse the second.
    Domain.objects.select_for_update().get(pk=domain.pk)
    Bundle.objects.filter(domain=domain, is_active=True).update(is_active=False)
    last = Bundle.objects.filter(domain=domain).aggregate(last=Max("number"))["last"] or 0
    return Bundle.objects.create(
        domain=domain,
        number=last + 1,
        digest=text_digest,
        schema=schema,
        policies=policies,
        is_active=True,
    )


def _compile(policies: str, schema: str) -> None:
    try:
        _parsed(policies, schema)
    except PolicyError as error:
        raise Invalid(
            "invalid_policies",
            _("The policies were not activated: %(problem)s") % {"problem": error.problems[0]},
            errors=[
                {"pointer": f"/policies/{problem.line}", "detail": str(problem)}
                for problem in error.problems
            ],
        ) from error


# Parsing costs milliseconds and every verdict needs it, so parsed handles stay in the process.
_parsed = lru_cache(maxsize=16)(compile_bundle)
