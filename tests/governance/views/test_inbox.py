import re
from datetime import timedelta

from django.db.models.functions import Now
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from governance.models import Gate
from tests.factories import governance as make
from tests.governance.views.conftest import signed_in

INBOX_QUERIES = 11
NEWS_QUERIES = 15
HISTORY_QUERIES = 11


def rows_in(page: str) -> list[str]:
    return re.findall(r'data-gate="([0-9a-f-]+)"', page)


def news_address(page: str) -> str:
    found = re.search(r'data-live-src="([^"]+)"', page)
    assert found
    return found[1].replace("&amp;", "&")


def test_a_gate_stands_under_the_heading_of_who_decides_it(home: make.House, gate: Gate) -> None:
    mine = signed_in(home.grace).get("/").text
    assert "For you to decide" in mine
    assert rows_in(mine) == [str(gate.pk)]
    theirs = signed_in(home.ines).get("/").text
    assert "Others decide these" in theirs
    assert "For you to decide" not in theirs


def test_somebody_of_another_domain_sees_nothing_of_it(home: make.House, gate: Gate) -> None:
    page = signed_in(home.mallory).get("/").text
    assert "Nothing waits for people" in page
    assert gate.sentence not in page


def test_the_empty_inbox_teaches_with_one_command(home: make.House) -> None:
    page = signed_in(home.grace).get("/").text
    assert "Nothing waits for people" in page
    assert "python3 manage.py demo" in page


def test_title_favicon_and_rail_show_how_many_wait(home: make.House, gate: Gate) -> None:
    page = signed_in(home.grace).get("/").text
    assert "<title>(1) Approvals · Countersign</title>" in page
    assert 'href="/favicon.svg?n=1"' in page
    assert "<span data-waiting-number>1</span>" in page


def test_the_inbox_costs_the_same_queries_for_one_row_and_for_many(
    home: make.House, gate: Gate, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    grace = signed_in(home.grace)
    with django_assert_num_queries(INBOX_QUERIES):
        grace.get("/")
    for index in range(1, 60):
        make.open_gate(home, index=index)
    with django_assert_num_queries(INBOX_QUERIES):
        page = grace.get("/").text
    assert len(rows_in(page)) == 50
    assert "Older" in page


def test_older_gates_are_on_the_next_page_and_none_is_lost(home: make.House) -> None:
    made = {str(make.open_gate(home, index=index).pk) for index in range(53)}
    grace = signed_in(home.grace)
    first = grace.get("/").text
    onward = re.search(r'href="(\?before=[^"]+)" rel="next"', first)
    assert onward
    second = grace.get(f"/{onward[1].replace('&amp;', '&')}").text
    assert set(rows_in(first)) | set(rows_in(second)) == made
    assert len(rows_in(second)) == 3


def test_a_cursor_that_is_none_is_refused_in_words(home: make.House) -> None:
    answer = signed_in(home.grace).get("/?before=nonsense")
    assert answer.status_code == 422
    assert "Nothing was changed." in answer.text


def test_news_keep_every_row_where_it_is_and_count_what_arrived(
    home: make.House, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    gone, stays = make.open_gate(home, index=0), make.open_gate(home, index=1)
    grace = signed_in(home.grace)
    address = news_address(grace.get("/").text)
    make.review(gone, home.grace)
    arrived = make.open_gate(home, index=2)
    with django_assert_num_queries(NEWS_QUERIES):
        news = grace.get(address, headers={"HX-Request": "true"}).text
    assert rows_in(news) == [str(stays.pk)]
    assert str(arrived.pk) not in news
    assert "Show 1 new" in news
    order = re.findall(r'id="gate-([0-9a-f-]+)"', news)
    assert order == [str(stays.pk), str(gone.pk)]
    assert "No longer waiting" in news


def test_an_empty_inbox_fills_by_itself(home: make.House) -> None:
    grace = signed_in(home.grace)
    address = news_address(grace.get("/").text)
    made = make.open_gate(home)
    news = grace.get(address).text
    assert rows_in(news) == [str(made.pk)]
    assert f'data-next-src="/inbox/news/?mine={made.pk}' in news


def test_an_expired_gate_waits_for_nobody(home: make.House, gate: Gate) -> None:
    Gate.objects.update(expires_at=Now() - timedelta(seconds=1))
    assert rows_in(signed_in(home.grace).get("/").text) == []


def test_history_shows_what_was_decided(
    home: make.House, gate: Gate, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    grace = signed_in(home.grace)
    assert "Nothing was decided yet" in grace.get(reverse("history")).text
    make.review(gate, home.grace, "reject")
    with django_assert_num_queries(HISTORY_QUERIES):
        page = grace.get(reverse("history")).text
    assert "Rejected" in page
    assert reverse("gate", args=[gate.pk]) in page


def test_a_sentence_with_markup_or_a_hidden_character_is_shown_and_not_obeyed(
    home: make.House,
) -> None:
    make.open_gate(home, line="<script>alert(1)</script>\u202e")
    page = signed_in(home.grace).get("/").text
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert "U+202E" in page
