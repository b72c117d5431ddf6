"""What holds for every page: the policy of the browser, the landmarks, the words."""

import re
from collections import Counter
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from django.test import Client
from django.urls import reverse

from governance.models import Gate
from governance.services import domains, notices
from governance.templatetags.looks import LOOKS
from tests.factories import governance as make
from tests.governance.views.conftest import signed_in

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
ICONS = {
    name.removesuffix(".svg")
    for name in ZipFile(BytesIO((files("lucide") / "lucide.zip").read_bytes())).namelist()
}


@pytest.fixture
def pages(home: make.House, gate: Gate) -> dict[str, str]:
    grace = signed_in(home.grace)
    scout = str(home.scout.pk)
    addresses = {
        "inbox": reverse("inbox"),
        "history": reverse("history"),
        "gate": reverse("gate", args=[gate.pk]),
        "agents": reverse("agents"),
        "agent": reverse("agent", args=[scout]),
        "settings": reverse("settings"),
        "notices": reverse("notices"),
        "missing": "/nowhere/",
    }
    return {name: grace.get(address).text for name, address in addresses.items()}


def test_nothing_inline_that_the_browser_would_refuse(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=", page), name


def test_every_page_has_one_heading_one_main_and_a_title(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        assert page.count("<h1") == 1, name
        assert page.count("<main") == 1, name
        assert re.search(r"<title>[^<]+ · Countersign</title>", page), name


def test_no_id_stands_twice_on_a_page(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        found = Counter(re.findall(r'\sid="([^"]+)"', page))
        assert [i for i, n in found.items() if n > 1] == [], name


def test_nothing_of_a_template_is_left_on_a_page(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        assert "{%" not in page, name
        assert "{{" not in page, name


def test_a_page_that_is_not_there_says_so_and_leads_back(client: Client, db: None) -> None:
    answer = client.get("/nowhere/")
    assert answer.status_code == 404
    assert "Nothing was changed." in answer.text
    assert 'href="/"' in answer.text


def test_a_form_without_its_token_is_refused_in_words(db: None) -> None:
    answer = Client(enforce_csrf_checks=True).post(reverse("signin"), {"username": "x"})
    assert answer.status_code == 403
    assert "This form was too old" in answer.text


def test_every_icon_that_is_named_exists() -> None:
    named = {look.icon for kind in LOOKS.values() for look in kind.values()}
    for template in TEMPLATES:
        named |= set(re.findall(r'icon(?:=| )"([\w-]+)"', template.read_text()))
    assert named <= ICONS


def test_no_template_is_longer_than_its_limit() -> None:
    assert [t.name for t in TEMPLATES if len(t.read_text().splitlines()) > 200] == []


def test_the_styleguide_shows_every_component(home: make.House) -> None:
    domains.admit(domain=home.domain, person=home.grace, permissions=("register_agents",))
    page = signed_in(home.grace).get(reverse("styleguide"))
    assert page.status_code == 200
    assert page.text.count('data-theme="dark"') >= 9


def test_the_styleguide_is_not_there_for_others(home: make.House) -> None:
    assert signed_in(home.ines).get(reverse("styleguide")).status_code == 404


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", None),
        ("?n=3", "3"),
        ("?n=5000", "99"),
        ("?n=-1", None),
        ("?n=<script>", None),
    ],
)
def test_the_favicon_shows_a_count_and_nothing_else(
    client: Client, query: str, shown: str | None
) -> None:
    drawing = client.get(f"{reverse('favicon')}{query}").text
    found = re.search(r"<text[^>]*>(\d+)</text>", drawing)
    assert (found and found[1]) == shown
    assert "script" not in drawing


def test_notices_are_read_only_when_somebody_says_so(home: make.House, gate: Gate) -> None:
    grace = signed_in(home.grace)
    page = grace.get(reverse("notices")).text
    assert reverse("gate", args=[gate.pk]) in page
    shown = re.findall(r'name="notice" value="([^"]+)"', page)
    later = make.open_gate(home, index=1)
    grace.post(reverse("notices-read"), {"notice": shown})
    after = grace.get(reverse("notices")).text
    assert reverse("gate", args=[gate.pk]) not in after
    assert reverse("gate", args=[later.pk]) in after


def test_nobody_reads_the_notices_of_somebody_else(home: make.House, gate: Gate) -> None:
    page = signed_in(home.grace).get(reverse("notices")).text
    shown = re.findall(r'name="notice" value="([^"]+)"', page)
    signed_in(home.ines).post(reverse("notices-read"), {"notice": shown})
    assert notices.mark_read(person=home.grace, notice_ids=shown) == len(shown)


def test_who_may_not_read_the_log_is_not_led_there(home: make.House) -> None:
    assert 'href="/audit/"' not in signed_in(home.grace).get("/").text
