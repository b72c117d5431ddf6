"""A small shop that listens on loopback and obeys its console: `serve.py FOLDER CLIENTS MINUTES`.

Its clients show an account and a credential; the shop keeps SHA-256 of that alone. It ends when
its folder is gone or the minutes are over. What lies in the folder: see the tools `service.*` and
`credential.rotate` of the product, which write commands there.
"""

import hashlib
import json
import os
import secrets
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SLOW_SECONDS = 0.3
LOOK_SECONDS = 0.05


class Shop:
    """What the service knows, and its console."""

    def __init__(self, folder: Path, clients: Path) -> None:
        self.folder, self.clients = folder, clients
        self.lock = threading.Lock()
        self.isolated = False
        self.accounts = {each.stem: _digest(each.read_text()) for each in clients.glob("*.key")}
        for name in ("commands", "applied"):
            (folder / name).mkdir(exist_ok=True)
        self.log = (folder / "access.log").open("a", buffering=1)
        self.tell()

    def tell(self) -> None:
        """Write how the service is."""
        fingerprints = {name: digest[:16] for name, digest in self.accounts.items()}
        _write(self.folder / "state.json", {"isolated": self.isolated, "accounts": fingerprints})

    def knows(self, account: str, credential: str) -> bool:
        """Whether a credential is the account's."""
        return secrets.compare_digest(self.accounts.get(account, ""), _digest(credential))

    def obey(self) -> None:
        """Carry out every command that was not carried out yet."""
        for command in sorted((self.folder / "commands").glob("[!.]*.json")):
            done = self.folder / "applied" / command.name
            if not done.exists():
                with self.lock:
                    said = self.carry_out(json.loads(command.read_text()))
                    self.tell()
                _write(done, said)

    def carry_out(self, command: dict[str, Any]) -> dict[str, Any]:
        """Do one thing and say what came of it."""
        if command["command"] == "isolate":
            self.isolated = command["on"]
            return {"isolated": self.isolated}
        account = command["account"]
        if self.accounts.get(account, "")[:16] != command["expected"]:
            return {"refused": f"The credential of {account} is another one by now."}
        key = self.clients / f"{account}.key"
        credential = secrets.token_urlsafe(24)
        draft = key.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(credential)
        draft.replace(key)
        self.accounts[account] = _digest(credential)
        return {"account": account, "fingerprint": self.accounts[account][:16]}


def handler_of(shop: Shop) -> type[BaseHTTPRequestHandler]:
    """Return what answers for the shop."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            began = time.monotonic()
            account = self.headers.get("X-Account", "")
            known = shop.knows(account, self.headers.get("X-Credential", ""))
            welcome = known or self.path == "/health"
            status = 503 if shop.isolated else 200 if welcome else 401
            if welcome and not shop.isolated and self.path.startswith("/report"):
                time.sleep(SLOW_SECONDS)
            self.answer(status)
            took = round((time.monotonic() - began) * 1000)
            line = {
                "at": round(time.time(), 3),
                "from": self.client_address[0],
                "account": account[:40],
                "path": self.path[:100],
                "status": status,
                "ms": took,
            }
            if self.path != "/health":
                with shop.lock:
                    shop.log.write(json.dumps(line) + "\n")

        def answer(self, status: int) -> None:
            body = json.dumps({"status": status}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            return

    return Handler


def _digest(credential: str) -> str:
    return hashlib.sha256(credential.strip().encode()).hexdigest()


def _write(file: Path, value: dict[str, Any]) -> None:
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(json.dumps(value))
    draft.replace(file)


def main(folder: Path, clients: Path, minutes: float) -> None:
    """Serve until the folder is gone or the time is over."""
    shop = Shop(folder, clients)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(shop))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    _write(folder / "service.json", {"name": "shop", "port": server.server_port})
    end = time.monotonic() + minutes * 60
    while (folder / "service.json").exists() and time.monotonic() < end:
        shop.obey()
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
