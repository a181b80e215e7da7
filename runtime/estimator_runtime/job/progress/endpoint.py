"""The HTTP endpoint: `/progress`, `/metrics` and `/healthz`, served beside the training.

A port that cannot be bound is a line in the log: training matters more than being watched.
"""

import logging
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from estimator_api.progress import Progress
from estimator_runtime.job.progress import exposition

_LOG = logging.getLogger("estimator_runtime.job")
_POLL_SECS = 0.1
"""How long stopping may take."""
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class Endpoint:
    """Serves progress from threads of its own.

    Args:
        document: makes the current progress document.
    """

    def __init__(self, document: Callable[[], Progress]) -> None:
        self._document = document
        self._server: ThreadingHTTPServer | None = None

    def start(self, host: str, port: int) -> int | None:
        """Listens on `port` (0: any free one) of `host` ("": all interfaces).

        Returns:
            The port, or None when it could not be bound.
        """
        try:
            self._server = _listening(host, port, self._handler())
        except OSError as error:
            _LOG.warning("No progress endpoint, for port %d cannot be bound: %s", port, error)
            return None
        serve = self._server.serve_forever
        threading.Thread(target=serve, args=(_POLL_SECS,), name="progress", daemon=True).start()
        return int(self._server.server_address[1])

    def stop(self) -> None:
        """Stops serving."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        pages: dict[str, Callable[[], tuple[str, str]]] = {
            "/progress": lambda: ("application/json", self._document().to_text()),
            "/metrics": lambda: (_PROMETHEUS, exposition.to_text(self._document())),
            "/healthz": lambda: ("text/plain; charset=utf-8", "ok\n"),
        }

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                page = pages.get(self.path.partition("?")[0])
                if page is None:
                    self.send_error(HTTPStatus.NOT_FOUND)
                    return
                content_type, text = page()
                body = text.encode()
                self.send_response(HTTPStatus.OK)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
                """Keeps polls out of the training's log."""

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is its own business."""
        del request
        _LOG.debug("A request from %s failed.", client_address, exc_info=True)


class _DualStackServer(_Server):
    """Listens for IPv6 and IPv4."""

    address_family = socket.AF_INET6

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


def _listening(host: str, port: int, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    if ":" in host or (not host and socket.has_dualstack_ipv6()):
        return _DualStackServer((host or "::", port), handler)
    return _Server((host, port), handler)
