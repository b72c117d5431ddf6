import inspect
import os
import subprocess
import sys

import pytest

from orchestrator.supervisor import plans, secrecy
from orchestrator.supervisor.valkey import Valkey

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="prctl is of Linux")
IS_OPEN = "ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)"
NOBODY = 65534
LOOK = """
import ctypes, os, sys
os.geteuid() or os.setuid({nobody})
{source}
ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, {open}, 0, 0, 0)
{hide}
child = os.fork()
if not child:
    try:
        print(open("/proc/%d/environ" % os.getppid()).read().count("do not tell"), flush=True)
    except PermissionError:
        print("closed", flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


def said(program: str, **environment: str) -> str:
    env = {**os.environ, **environment}
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_process_that_has_read_the_settings_is_closed_and_so_are_its_copies() -> None:
    program = f"""if True:
        import ctypes, os
        before = {IS_OPEN}
        import orchestrator.settings
        settings = {IS_OPEN}
        os.fork() and os.wait() or print(before, settings, {IS_OPEN})
    """
    assert said(program).split() == ["1", "0", "0"]


@pytest.mark.parametrize(("hide", "seen"), [("", "1"), ("keep_to_ourselves()", "closed")])
def test_another_process_of_the_account_cannot_read_what_is_closed(hide: str, seen: str) -> None:
    program = LOOK.format(nobody=NOBODY, source=inspect.getsource(secrecy), open=1, hide=hide)
    assert said(program, SECRET_KEY="do not tell") == seen


def test_the_broker_is_not_given_the_products_environment() -> None:
    assert not plans.broker(Valkey(("valkey-server",), "unix:///x")).keeps_secrets
