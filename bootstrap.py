"""Makes `.venv` from the hashed lock and hands over to it. Standard library only.

Whatever stands before the version check must also run on a Python that is too old, so that its
owner reads a sentence and not a SyntaxError.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
STAMP = ENVIRONMENT / "installed.json"
RUNTIME, TESTS, UV = "requirements.lock", "requirements-dev.lock", "requirements-uv.lock"
OLDEST = (3, 11)
NEWER = ("python3.14", "python3.13", "python3.12", "python3.11")
# Whoever has all of these was prepared for us, as an image is.
DISTINCTIVE = ("django", "celery", "channels", "cedarpy", "guardian", "uvicorn")


class SetUpError(Exception):
    """Set-up cannot go on; the message says what to do."""


def enter(arguments: list[str]) -> None:
    """Return only in an interpreter that has the packages which `arguments` need.

    Everything else makes that interpreter and replaces this process by it, so signals, the
    terminal and the exit code stay those of the command that was typed.
    """
    try:
        _enter(arguments)
    except SetUpError as error:
        sys.exit(_complain(str(error)))
    except KeyboardInterrupt:
        sys.exit(_complain("Set-up was interrupted. The same command goes on from here.", 130))
    except OSError as error:
        sys.exit(_complain(f"Set-up cannot write to {ROOT}: {error.strerror or error}."))


def _enter(arguments: list[str]) -> None:
    lock = TESTS if _needs_the_test_set(arguments) else RUNTIME
    inside = Path(sys.prefix).resolve() == ENVIRONMENT.resolve()
    if inside and _is_current(lock):
        return
    if not inside and lock == RUNTIME and all(map(importlib.util.find_spec, DISTINCTIVE)):
        return
    _find_new_enough_python(arguments)
    with _alone():
        if not _is_current(lock):
            _make(lock)
    os.execv(PYTHON, [str(PYTHON), str(ROOT / "manage.py"), *arguments])


def _needs_the_test_set(arguments: list[str]) -> bool:
    # The server of `up --postgres` comes with what the tests need.
    command, *options = arguments or [""]
    return command == "test" or (command == "up" and "--postgres" in options)


def _complain(sentence: str, code: int = 2) -> int:
    print(sentence, file=sys.stderr)
    return code


def _find_new_enough_python(arguments: list[str]) -> None:
    if os.name != "posix":
        raise SetUpError("Countersign runs on Linux and macOS; on Windows use WSL2.")
    if sys.version_info >= OLDEST:
        return
    for name in NEWER:
        path = shutil.which(name)
        if path:
            os.execv(path, [path, str(ROOT / "manage.py"), *arguments])
    found = "{}.{}".format(*sys.version_info)
    raise SetUpError(
        f"Countersign needs Python 3.11 or newer and found {found}. Install one, for example "
        "with `apt install python3.11 python3.11-venv`, `brew install python` or "
        "`uv python install`, and run the same command with it."
    )


@contextmanager
def _alone() -> Iterator[None]:
    import fcntl  # noqa: PLC0415 - absent on Windows, where a sentence must come first

    directory = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def _digest(lock: str) -> str:
    made = (ENVIRONMENT / "pyvenv.cfg").read_bytes()
    return hashlib.sha256(made + (ROOT / lock).read_bytes()).hexdigest()


def _stamp() -> dict[str, str]:
    try:
        return dict(json.loads(STAMP.read_text()))
    except (OSError, ValueError):
        return {}


def _is_current(lock: str) -> bool:
    return PYTHON.exists() and _stamp().get(lock) == _digest(lock)


def _make(lock: str) -> None:
    if not PYTHON.exists():
        print("Setting up: making .venv", file=sys.stderr)
        _run([sys.executable, "-m", "venv", "--clear", "--without-pip", ENVIRONMENT])
    print(f"Setting up: installing {lock}", file=sys.stderr)
    _install(lock)
    # The test lock contains the runtime lock, so it brings both up to date.
    stamp = {name: _digest(name) for name in {lock, RUNTIME}}
    STAMP.write_text(json.dumps(stamp))


def _install(lock: str) -> None:
    uv = shutil.which("uv") or _own_uv()
    if uv and _uv_installs(uv, lock):
        return
    if uv:
        print("Setting up: uv could not, pip tries (slower)", file=sys.stderr)
    _ensure_pip()
    _run([*_pip(), "--require-hashes", "-r", ROOT / lock])


def _own_uv() -> str | None:
    uv = ENVIRONMENT / "bin" / "uv"
    if not uv.exists():
        _ensure_pip()
        try:
            _run([*_pip(), "--require-hashes", "-r", ROOT / UV])
        except SetUpError:
            return None
    return str(uv) if uv.exists() else None


def _uv_installs(uv: str, lock: str) -> bool:
    options = ["--python", PYTHON, "--require-hashes", "-r", ROOT / lock]
    try:
        _run([uv, "pip", "install", "--quiet", *options], _uv_environment())
    except SetUpError:
        return False
    return True


def _uv_environment() -> dict[str, str]:
    # A company's own certificates and mirror are usually set for the machine and for pip only.
    environment = {"UV_SYSTEM_CERTS": "1", **os.environ}
    if "PIP_INDEX_URL" in os.environ:
        environment.setdefault("UV_DEFAULT_INDEX", os.environ["PIP_INDEX_URL"])
    return environment


def _pip() -> list[object]:
    return [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def _ensure_pip() -> None:
    if (ENVIRONMENT / "bin" / "pip").exists():
        return
    if importlib.util.find_spec("ensurepip") is None:
        version = "{}.{}".format(*sys.version_info)
        raise SetUpError(
            f"This Python {version} cannot make environments. On Debian and Ubuntu: "
            f"`apt install python{version}-venv`, then run the same command again."
        )
    _run([PYTHON, "-m", "ensurepip", "--default-pip"])


def _run(command: list[object], environment: dict[str, str] | None = None) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-12:])
        raise SetUpError(
            f"{last}\nSet-up stopped at `{' '.join(words)}`. Check the network or the package "
            "index that pip uses, and run the same command again."
        )
