"""What live.js does in a real browser, with a server that rings, stalls and goes away."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.audit.live_world import World, served
from tests.harness import browsers

pytestmark = pytest.mark.e2e

FORM = """<p id="what">{what}</p>
<div id="box" style="height:40px;overflow:auto"><p style="height:400px">long</p></div>
<input id="typed" value=""><a href="/x" id="link">link {what}</a>
<button name="b" type="button">press</button>"""


@pytest.fixture(scope="module")
def tab() -> Iterator[Callable[[], Page]]:
    """Open new tabs of one browser."""
    with browsers.chromium() as browser:
        yield browser.new_page


@pytest.fixture
def world() -> Iterator[World]:
    with served() as world:
        yield world


@pytest.fixture
def page(tab: Callable[[], Page], world: World) -> Iterator[Page]:
    page = tab()
    yield page
    page.close()


def is_live(page: Page) -> None:
    expect(page.locator("[data-live-status]")).to_have_text("Live")


def test_a_ring_fetches_the_fragment(page: Page, world: World) -> None:
    page.goto(world.url)
    is_live(page)
    assert world.joins == ["run:1"]
    assert world.fetches == 0
    world.fragment = "<p id='what'>two</p>"
    world.ring(2)
    expect(page.locator("#what")).to_have_text("two")
    assert world.fetches == 1


def test_a_head_newer_than_the_page_is_fetched_at_once(page: Page, world: World) -> None:
    world.head = 5
    page.goto(world.url)
    expect(page.locator("#what")).to_have_text("one")
    page.wait_for_timeout(400)
    assert world.fetches == 1


def test_a_ring_of_the_past_fetches_nothing(page: Page, world: World) -> None:
    page.goto(world.url)
    is_live(page)
    world.ring(1)
    page.wait_for_timeout(400)
    assert world.fetches == 0


def test_a_burst_is_a_few_fetches_and_ends_with_the_newest(page: Page, world: World) -> None:
    page.goto(world.url)
    is_live(page)
    world.fragment = "<p id='what'>59</p>"
    world.ring(*range(2, 60))
    expect(page.locator("#what")).to_have_text("59")
    assert world.fetches < 10


def test_what_did_not_change_is_not_replaced(page: Page, world: World) -> None:
    page.goto(world.url)
    is_live(page)
    world.fragment = "<p id='what'>two</p>"
    world.ring(2)
    expect(page.locator("#what")).to_have_text("two")
    page.evaluate("document.getElementById('what').mark = true")
    world.ring(3)
    page.wait_for_timeout(500)
    assert world.fetches == 2
    assert page.evaluate("document.getElementById('what').mark")


def test_focus_caret_scroll_and_what_was_typed_stay(page: Page, world: World) -> None:
    world.fragment = FORM.format(what="one")
    page.goto(world.url)
    is_live(page)
    page.locator("#typed").fill("half a sentence")
    page.evaluate("document.getElementById('typed').setSelectionRange(2, 4)")
    page.evaluate("document.getElementById('box').scrollTop = 120")
    world.fragment = FORM.format(what="two")
    world.ring(2)
    expect(page.locator("#what")).to_have_text("two")
    expect(page.locator("#typed")).to_be_focused()
    expect(page.locator("#typed")).to_have_value("half a sentence")
    typed = "document.getElementById('typed')"
    assert page.evaluate(f"[{typed}.selectionStart, {typed}.selectionEnd]") == [2, 4]
    assert page.evaluate("document.getElementById('box').scrollTop") == 120


def test_what_is_looked_at_stays_in_its_place(page: Page, world: World) -> None:
    world.fragment = "<p>top</p>" + "".join(
        f"<p id='p{i}' style='height:300px'>{i}</p>" for i in range(9)
    )
    page.goto(world.url)
    is_live(page)
    page.evaluate("document.getElementById('p5').scrollIntoView()")
    before = page.evaluate("document.getElementById('p5').getBoundingClientRect().top")
    world.fragment = "<p style='height:700px'>much more above</p>" + world.fragment
    world.ring(2)
    expect(page.locator("text=much more above")).to_be_attached()
    after = page.evaluate("document.getElementById('p5').getBoundingClientRect().top")
    assert abs(after - before) < 2


def test_nothing_is_replaced_between_pressing_and_releasing(page: Page, world: World) -> None:
    world.fragment = FORM.format(what="one")
    page.goto(world.url)
    is_live(page)
    page.evaluate(
        "document.querySelector('#region').addEventListener('click',"
        " ({target}) => { window.clicked = target.name; })"
    )
    page.locator("button").hover()
    page.mouse.down()
    world.fragment = FORM.format(what="two")
    world.ring(2)
    page.wait_for_timeout(600)
    expect(page.locator("#what")).to_have_text("one")
    page.mouse.up()
    assert page.evaluate("window.clicked") == "b"
    expect(page.locator("#what")).to_have_text("two")


def test_a_list_that_holds_says_how_much_is_new(page: Page, world: World) -> None:
    world.page = world.page.replace("data-live=", "data-live-hold data-live=")
    news = "<button data-live-news hidden>Show <b data-live-count></b> new</button>"
    world.fragment = f"{news}<p id='what'>one</p>"
    page.goto(world.url)
    is_live(page)
    world.fragment = f"{news}<p id='what'>two</p>"
    world.ring(2)
    expect(page.locator("[data-live-news]")).to_have_text("Show 1 new")
    assert world.fetches == 0
    page.locator("[data-live-news]").click()
    expect(page.locator("#what")).to_have_text("two")


def test_a_page_can_keep_an_update_to_itself(page: Page, world: World) -> None:
    page.goto(world.url)
    is_live(page)
    page.evaluate(
        "document.addEventListener('live:update',"
        " (event) => { window.seq = event.detail.seq; event.preventDefault(); })"
    )
    world.ring(2)
    page.wait_for_function("window.seq === 2")
    page.wait_for_timeout(300)
    assert world.fetches == 0


def test_a_lost_connection_is_made_again_and_missed_events_are_fetched(
    page: Page, world: World
) -> None:
    page.goto(world.url)
    is_live(page)
    world.fragment, world.head = "<p id='what'>missed</p>", 7
    world.hang_up()
    expect(page.locator("#what")).to_have_text("missed")
    is_live(page)
    assert world.joins == ["run:1", "run:1"]


def test_while_the_socket_is_down_the_fragment_is_polled(page: Page, world: World) -> None:
    world.refuses_sockets = True
    page.goto(world.url)
    pill = page.locator("[data-live-status]")
    expect(pill).to_have_text("Reconnecting")
    world.fragment = "<p id='what'>polled</p>"
    expect(page.locator("#what")).to_have_text("polled")
    expect(pill).to_have_attribute("data-state", "reconnecting")


@pytest.mark.slow
def test_a_page_that_hears_nothing_says_since_when(page: Page, world: World) -> None:
    world.refuses_sockets, world.status = True, 500
    page.goto(world.url)
    pill = page.locator("[data-live-status]")
    expect(pill).to_contain_text("Offline since ")
    expect(page.locator("html")).to_have_attribute("data-stale", "")
    world.refuses_sockets, world.status = False, 200
    page.evaluate("dispatchEvent(new Event('online'))")
    is_live(page)
    expect(page.locator("html")).not_to_have_attribute("data-stale", "")


@pytest.mark.parametrize("how", ["socket", "fragment"])
def test_an_ended_session_is_said_and_nothing_is_tried_again(
    page: Page, world: World, how: str
) -> None:
    if how == "socket":
        world.close_code = 4401
        page.goto(world.url)
    else:
        world.status = 302
        page.goto(world.url)
        is_live(page)
        world.ring(2)
    expect(page.locator("[data-live-status]")).to_have_text("Signed out, load the page again")
    expect(page.locator("#what")).to_have_text("one")


def test_a_whole_page_never_lands_in_a_fragment(page: Page, world: World) -> None:
    page.goto(world.url)
    is_live(page)
    world.fragment = "<!DOCTYPE html><title>Sign in</title><h1>Sign in</h1>"
    world.ring(2)
    page.wait_for_timeout(500)
    assert world.fetches == 1
    expect(page.locator("#what")).to_have_text("one")


def test_regions_come_and_go_with_the_page(page: Page, world: World) -> None:
    page.goto(world.url)
    is_live(page)
    page.evaluate("""() => {
      const again = document.getElementById('region').cloneNode();
      document.getElementById('region').remove();
      again.dataset.live = 'run:2';
      document.body.append(again);
    }""")
    page.wait_for_timeout(200)
    assert world.joins == ["run:1", "run:2"]
