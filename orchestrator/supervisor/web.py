"""The web process: Uvicorn on sockets that the supervisor opened."""

import socket
import sys
import warnings

import uvicorn

GOODBYE_SECONDS = 3


def main(descriptors: list[str]) -> None:
    """Serve on the inherited file descriptors until SIGTERM."""
    # Static files are read in a thread; Django suggests an iterator that WhiteNoise has not got.
    warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous")
    config = uvicorn.Config(
        "orchestrator.asgi:application",
        access_log=False,
        lifespan="off",
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GOODBYE_SECONDS,
    )
    listeners = [socket.socket(fileno=int(descriptor)) for descriptor in descriptors]
    uvicorn.Server(config).run(sockets=listeners)


if __name__ == "__main__":
    main(sys.argv[1:])
