"""People set and raise budgets; agents never do."""

from typing import Any

import pytest

from audit.services.events import recording
from governance.models import Budget, Domain, DomainPersonPermission, Holding, Person
from governance.refusals import Refusal
from governance.selectors import budgets as selector
from governance.selectors import people
from governance.services import alerts, budgets, domains, holdings
from tests.factories import budgets as factory
from tests.factories import governance
from tests.factories.audit import recorded
from tests.factories.budgets import budget, draw, figures, opened, settle, tokens_of


@pytest.fixture
def domain(db: None) -> Domain:
    return factory.domain()


@pytest.fixture
def ada(domain: Domain) -> Person:
    ada = governance.person("ada", may_sign_in=True)
    with recording():
        domains.admit(domain=domain, person=ada, permissions=domains.ALL_PERMISSIONS)
    return ada


def create(domain: Domain, person: Any, **fields: Any) -> Budget:
    given = {"scope": "domain", "scope_id": "", "unit": "tokens", "cap": 10, "window": "none"}
    return budgets.create(domain=domain, person=person, **{**given, **fields})


def test_a_budget_is_set_by_who_may(domain: Domain, ada: Person) -> None:
    made = create(domain, ada)
    assert figures(made) == (0, 0, 0)
    assert recorded(f"domain:{domain.pk}")[-1] == "budget.created"


def test_nobody_else_sets_or_changes_a_budget(domain: Domain, ada: Person) -> None:
    made = create(domain, ada)
    DomainPersonPermission.objects.remove_perm("manage_budgets", ada, domain)
    people.forget(ada)
    with pytest.raises(Refusal, match="manage_budgets"):
        create(domain, ada, scope="workflow", scope_id="review")
    with pytest.raises(Refusal, match="manage_budgets"):
        budgets.change(budget_id=made.pk, cap=20, person=ada, reason="more")
    assert list(Budget.objects.values_list("cap", flat=True)) == [10]
    assert recorded(f"domain:{domain.pk}").count("budget.created") == 1


def test_an_agent_never_sets_a_budget(domain: Domain, ada: Person) -> None:
    scout = governance.agent(domain, ada, governance.person("sam"))
    with pytest.raises(Refusal) as no:
        create(domain, scout)
    assert no.value.code == "agent_principal"
    assert not Budget.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"scope": "planet"},
        {"scope_id": "home"},
        {"scope": "team", "scope_id": "nobody"},
        {"scope": "agent", "scope_id": "nobody"},
        {"scope": "workflow", "scope_id": ""},
        {"unit": "bananas"},
        {"window": "year"},
        {"cap": -1},
    ],
)
def test_a_budget_that_means_nothing_is_refused(
    domain: Domain, ada: Person, fields: dict[str, Any]
) -> None:
    with pytest.raises(Refusal) as no:
        create(domain, ada, **fields)
    assert no.value.status == 422
    assert not Budget.objects.exists()


def test_the_same_budget_is_not_set_twice(domain: Domain, ada: Person) -> None:
    create(domain, ada)
    with pytest.raises(Refusal) as no:
        create(domain, ada, cap=99)
    assert no.value.code == "budget_exists"
    assert Budget.objects.get().cap == 10


def test_a_raised_budget_lets_more_in_and_says_why(domain: Domain, ada: Person) -> None:
    made = budget(domain, 10, spent=12, overrun=2, next_alert=None)
    budgets.change(budget_id=made.pk, cap=20, person=ada, reason="Release week")
    made.refresh_from_db()
    assert (made.cap, made.overrun, made.next_alert) == (20, 0, 80)
    assert recorded(f"domain:{domain.pk}")[-1] == "budget.changed"


def test_a_budget_is_not_lowered_below_what_is_used(domain: Domain, ada: Person) -> None:
    made = budget(domain, 10, spent=4, held=3)
    with pytest.raises(Refusal) as no:
        budgets.change(budget_id=made.pk, cap=6, person=ada, reason="Less")
    assert no.value.code == "budget_in_use"
    assert Budget.objects.get().cap == 10
    budgets.change(budget_id=made.pk, cap=7, person=ada, reason="Less")
    assert Budget.objects.get().cap == 7


def test_a_raise_that_was_overtaken_by_a_larger_one_lowers_nothing_below_what_is_used(
    domain: Domain, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = budget(domain, 10)

    def slowly(reason: str) -> str:
        Budget.objects.filter(pk=made.pk).update(cap=50, held=1, spent=30)
        return reason

    monkeypatch.setattr(budgets, "_said", slowly)
    with pytest.raises(Refusal) as no:
        budgets.change(budget_id=made.pk, cap=20, person=ada, reason="More")
    assert no.value.code == "budget_in_use"
    assert Budget.objects.get().cap == 50


def test_a_budget_of_another_domain_does_not_exist(domain: Domain, ada: Person) -> None:
    other = budget(factory.domain("other"), 10)
    with pytest.raises(Refusal) as no:
        budgets.change(budget_id=other.pk, cap=20, person=ada, reason="Mine")
    assert no.value.status == 404
    assert Budget.objects.get().cap == 10


def test_a_run_that_was_raised_holds_more_above(domain: Domain, ada: Person) -> None:
    wide = budget(domain, 30)
    run_id, _answer = opened(domain)
    settle(run_id, draw(domain, run_id, 10), 10)
    budgets.raise_run(run_id=run_id, caps={"tokens": 25}, person=ada, reason="Nearly there")
    assert draw(domain, run_id, 15) is not None
    assert tokens_of(run_id) == (15, 10, 0)
    assert figures(wide) == (15, 10, 0)
    assert "budget.run_raised" in recorded(f"run:{run_id}")


def test_a_run_is_not_raised_beyond_the_budget_above_it(domain: Domain, ada: Person) -> None:
    wide = budget(domain, 12)
    run_id, _answer = opened(domain)
    with pytest.raises(Refusal) as no:
        budgets.raise_run(run_id=run_id, caps={"tokens": 25}, person=ada, reason="Nearly there")
    assert no.value.code == "budget_exhausted"
    assert Holding.objects.get().tokens_cap == 10
    assert figures(wide) == (10, 0, 0)
    assert "budget.run_raised" not in recorded(f"run:{run_id}")


@pytest.mark.parametrize("caps", [{}, {"tokens": 10}, {"bananas": 99}, {"tool_calls": 5}])
def test_a_run_is_raised_by_something(domain: Domain, ada: Person, caps: dict[str, int]) -> None:
    run_id, _answer = opened(domain)
    with pytest.raises(Refusal) as no:
        budgets.raise_run(run_id=run_id, caps=caps, person=ada, reason="More")
    assert no.value.status == 422
    assert Holding.objects.get().tokens_cap == 10


def test_people_hear_once_of_every_share_of_a_budget(domain: Domain, ada: Person) -> None:
    made = budget(domain, 3, spent=1)
    assert alerts.tell_due() == 0
    for spent, told in ((2, 1), (2, 0), (3, 1), (3, 0)):
        Budget.objects.filter(pk=made.pk).update(spent=spent)
        assert alerts.tell_due() == told
    titles = [notice.title for notice in ada.notices.order_by("created_at")]
    assert [title[:4] for title in titles] == ["50 %", "100 "]
    assert recorded(f"domain:{domain.pk}").count("budget.alerted") == 2


def test_people_hear_of_a_run_at_the_shares_its_file_says(domain: Domain, ada: Person) -> None:
    run_id, _answer = opened(domain, alerts=[90, 30])
    settle(run_id, draw(domain, run_id, 4), 4)
    assert alerts.tell_due() == 1
    assert alerts.tell_due() == 0
    assert Holding.objects.get().next_alert == 90
    assert ada.notices.get().title == "30 % of the budget of a run of review are used"
    assert recorded(f"run:{run_id}") == ["budget.alerted"]


def test_what_a_run_under_way_has_used_counts_as_used_and_no_longer_as_held(
    domain: Domain, ada: Person
) -> None:
    made = budget(domain, 20)
    run_id, _answer = opened(domain)
    assert alerts.tell_due() == 0
    for share in (4, 4):
        settle(run_id, draw(domain, run_id, share), share)
    assert figures(made) == (10, 0, 0)
    [row] = selector.budgets_of(domain)
    assert (row.bar.spent_share, row.bar.held_share) == (40, 10)
    settle(run_id, draw(domain, run_id, 2), 2)
    assert (alerts.tell_due(), alerts.tell_due()) == (1, 0)
    assert ada.notices.get().title.startswith("50 %")
    with recording():
        holdings.close(run_id=run_id)
    assert figures(made) == (0, 10, 0)
    [row] = selector.budgets_of(domain)
    assert (row.bar.spent_share, row.bar.held_share) == (50, 0)
    assert alerts.tell_due() == 0


def test_what_was_charged_while_a_run_waited_counts_once(domain: Domain, ada: Person) -> None:
    budget(domain, 20)
    run_id, _answer = opened(domain)
    settle(run_id, draw(domain, run_id, 4), 4)
    with recording():
        holdings.lend(run_id=run_id)
        holdings.admit(run_id=run_id)
    settle(run_id, draw(domain, run_id, 2, epoch=2), 2)
    [row] = selector.budgets_of(domain)
    assert (row.bar.spent_share, row.bar.held_share) == (30, 20)
