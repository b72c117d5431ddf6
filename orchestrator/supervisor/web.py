"""The web process: Uvicorn on sockets that the supervisor opened."""

import os
import socket
import sys
import warnings

import uvicorn

GOODBYE_SECONDS = 3
# A browser says "join" and "leave" and nothing longer.
LONGEST_MESSAGE = 4096


def config() -> uvicorn.Config:
    """Return how to serve.

    Where a request came from counts password tries, so `X-Forwarded-For` is believed only of the
    proxies that FORWARDED_ALLOW_IPS names (Uvicorn reads it), and of no program on this machine.
    """
    return uvicorn.Config(
        "orchestrator.asgi:application",
        access_log=False,
        lifespan="off",
        log_config=None,
        proxy_headers="FORWARDED_ALLOW_IPS" in os.environ,
        server_header=False,
        timeout_graceful_shutdown=GOODBYE_SECONDS,
        ws_max_size=LONGEST_MESSAGE,
    )


def main(descriptors: list[str]) -> None:
    """Serve on the inherited file descriptors until SIGTERM."""
    # Static files are read in a thread; Django suggests an iterator that WhiteNoise has not got.
    warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous")
    listeners = [socket.socket(fileno=int(descriptor)) for descriptor in descriptors]
    uvicorn.Server(config()).run(sockets=listeners)


if __name__ == "__main__":
    main(sys.argv[1:])
