import pytest
from django.test import Client
from django.urls import reverse

from audit.models import Event
from governance.models import Gate, Person, Review
from tests.factories import governance as make
from tests.governance.views.conftest import signed_in

HTMX = {"HX-Request": "true"}


def test_a_reader_who_is_signed_out_is_led_to_sign_in_and_back(gate: Gate) -> None:
    path = reverse("gate", args=[gate.pk])
    assert Client().get(path).headers["Location"] == f"{reverse('signin')}?next={path}"


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_form_that_is_sent_signed_out_is_refused_and_says_so(
    gate: Gate, headers: dict[str, str]
) -> None:
    answer = Client().post(reverse("gate-review", args=[gate.pk]), headers=headers)
    assert answer.status_code == 401
    assert "You are signed out." in answer.text
    assert not Review.objects.exists()


def test_the_refusal_is_put_above_the_form_whose_comment_stays(gate: Gate) -> None:
    answer = Client().post(reverse("gate-review", args=[gate.pk]), headers=HTMX)
    assert answer.headers["HX-Reswap"] == "afterbegin"
    assert "<html" not in answer.text


@pytest.mark.parametrize("method", ["get", "post"])
def test_somebody_whose_account_was_ended_reads_that(
    home: make.House, gate: Gate, method: str
) -> None:
    client = signed_in(home.grace)
    Person.objects.filter(pk=home.grace.pk).update(is_active=False)
    before = Event.objects.count()
    name = "gate" if method == "get" else "gate-review"
    answer = getattr(client, method)(reverse(name, args=[gate.pk]))
    assert answer.status_code == 403
    assert "Your account is not active." in answer.text
    assert Event.objects.count() == before
