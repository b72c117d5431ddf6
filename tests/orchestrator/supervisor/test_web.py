import pytest

from orchestrator.supervisor import web


def test_no_program_on_this_machine_can_say_that_it_asks_from_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    assert not web.config().proxy_headers


def test_a_proxy_that_the_operator_names_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "10.0.0.7")
    named = web.config()
    assert (named.proxy_headers, named.forwarded_allow_ips) == (True, "10.0.0.7")
