"""Real object stores for tests (`hack/stores`), and a proxy in front of one that answers as a bad line does."""

import hashlib
import hmac
import http.client
import os
import re
import shlex
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

STORES = Path(__file__).parents[2] / "hack" / "stores"
SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
ANSWERS = {
    "slow down": (503, SLOW_DOWN),
    "deny": (403, DENIED),
    "expire": (400, b"<Error><Code>ExpiredToken</Code><Message>The token has expired.</Message></Error>"),
    "full": (507, b"<Error><Code>XMinioStorageFull</Code><Message>No space is left.</Message></Error>"),
    "over quota": (403, b"<Error><Code>QuotaExceeded</Code><Message>The quota is used up.</Message></Error>"),
    "gone": (404, b"<Error><Code>NoSuchBucket</Code><Message>No such bucket.</Message></Error>"),
}
"""What a store says, by the names of rules."""


@contextmanager
def running(name, folder):
    """A server; yields the environment of its clients."""
    command = [sys.executable, str(STORES), "up", name, "--state-dir", str(folder)]
    try:
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        words = [shlex.split(line)[1].partition("=") for line in printed.splitlines()]
        yield {name: value for name, _, value in words}
    finally:
        subprocess.run([*command[:2], "down", *command[3:]], check=True)


class FaultyProxy:
    """Passes requests on to an S3 server, and does to them what `rule` says.

    Attributes:
        rule: function of method and path; returns "pass", one of ANSWERS, "cut" (the connection ends and nothing is
            passed on), "truncate" (it ends when half is passed on), "lose" (passed on, the answer is lost), "hang" (no
            answer until `close`).
        seen: the requests, as (method, path without its query, what was done).
        environment: of clients.
    """

    def __init__(self, environment):
        self.rule = lambda method, path: "pass"
        self.seen = []
        self._closed = threading.Event()
        address = re.sub("^http://", "", environment["AWS_ENDPOINT_URL"])
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, address))
        self._server.daemon_threads = True
        self.environment = environment | {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._server.server_address[1]}"
        }
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self):
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()

    def puts(self, done=("pass", "lose")):
        """Keys of the objects that went to the server, the bucket left out; those in parts once for each part."""
        return [path.split("/", 3)[3] for method, path, what in self.seen if method == "PUT" and what in done]


def _handler(proxy, address):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            what = proxy.rule(self.command, self.path)
            proxy.seen.append((self.command, path, what))
            if what == "cut":
                self._cut()
            elif what == "truncate":
                self._forwarded(body[: len(body) // 2], whole=False)
                self._cut()
            elif what == "hang":
                proxy._closed.wait()
                self._cut()
            elif what in ANSWERS:
                self._answer(ANSWERS[what][0], [], ANSWERS[what][1])
            else:
                status, headers, content = self._forwarded(body)
                if what == "lose":
                    self._cut()
                else:
                    self._answer(status, headers, content)

        def _forwarded(self, body, *, whole=True):
            server = http.client.HTTPConnection(address, timeout=30)
            try:
                # The signature is of the headers as they are, the proxy's own address as Host among them.
                server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    server.putheader(name, value)
                server.endheaders(body or None)
                if not whole:
                    return None
                answer = server.getresponse()
                content = answer.read()
                kept = [
                    (name, value)
                    for name, value in answer.getheaders()
                    if name.lower() not in ("transfer-encoding", "connection", "date", "server")
                    and (name.lower() != "content-length" or self.command == "HEAD")
                ]
                return answer.status, kept, content
            finally:
                server.close()

        def _answer(self, status, headers, content):
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            if self.command != "HEAD":
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def _cut(self):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass

        def log_message(self, *args):
            pass

    return Handler


def make_folder(environment, key):
    """Has an S3 server store an empty object of which the key ends in a slash, as consoles do; the client drops the slash.

    Signed by hand (AWS Signature Version 4). Returns the answer's status.
    """
    host = environment["AWS_ENDPOINT_URL"].removeprefix("http://")
    time, path = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}", f"/models/{key}/"
    scope = f"{time[:8]}/{environment['AWS_REGION']}/s3/aws4_request"
    headers = {"host": host, "x-amz-content-sha256": hashlib.sha256().hexdigest(), "x-amz-date": time}
    names = ";".join(headers)
    lines = [f"{name}:{value}" for name, value in headers.items()]
    request = "\n".join(["PUT", path, "", *lines, "", names, headers["x-amz-content-sha256"]])
    digest = hashlib.sha256(request.encode()).hexdigest()
    secret = f"AWS4{environment['AWS_SECRET_ACCESS_KEY']}".encode()
    for part in scope.split("/"):
        secret = hmac.digest(secret, part.encode(), "sha256")
    signature = hmac.digest(secret, f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}".encode(), "sha256").hex()
    credential = f"{environment['AWS_ACCESS_KEY_ID']}/{scope}"
    signed = f"Credential={credential}, SignedHeaders={names}, Signature={signature}"
    server = http.client.HTTPConnection(host, timeout=30)
    server.request("PUT", path, b"", {**headers, "Authorization": f"AWS4-HMAC-SHA256 {signed}"})
    status = server.getresponse().status
    server.close()
    return status


def clear_environment(monkeypatch, environment):
    """Has this process reach the server, and nothing else."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_")):
            monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
