"""A bucket of Google Cloud Storage in this process: what of its XML interface the client speaks, as its pages describe it.

The emulators that there are have no uploads in parts and compare no generations in this interface, on both of which a model
directory relies.
"""

import hashlib
import itertools
import re
import threading
import urllib.parse
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

BUCKET = "models"
TOKEN = "local-token-of-no-worth"
PAGE = 4
"""Objects in one answer to a listing: the real number is 1,000."""


@dataclass(frozen=True)
class Object:
    content: bytes
    metadata: dict[str, str]
    generation: int
    tag: str
    modified: float


class GoogleStorage:
    """The bucket and its server.

    Attributes:
        environment: of clients.
        objects: by key.
        seen: the requests, as (method, key, name of the first query parameter).
    """

    def __init__(self):
        self.objects, self.seen = {}, []
        self._parts, self._lock = {}, threading.Lock()
        # Generations only grow, and those of objects that were deleted are not given again.
        self._numbers = itertools.count(1_790_000_000_000_000)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.environment = {"GOOGLE_BASE_URL": address, "GOOGLE_BEARER_TOKEN": TOKEN}

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def listed(self, prefix, delimiter, after):
        """XML of the objects behind `after`, a page of them."""
        found, last = {}, None
        for key in sorted(one for one in self.objects if one.startswith(prefix)):
            rest, cut, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
            name = prefix + rest + cut if cut else key
            if name > after and name not in found:
                if len(found) == PAGE:
                    last = list(found)[-1]
                    break
                found[name] = None if cut else self.objects[key]
        parts = [
            f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>"
            if one is None
            else f"<Contents><Key>{escape(name)}</Key><Generation>{one.generation}</Generation>"
            f"<LastModified>{datetime.fromtimestamp(one.modified, UTC).isoformat()}</LastModified>"
            f"<ETag>{escape(one.tag)}</ETag><Size>{len(one.content)}</Size></Contents>"
            for name, one in found.items()
        ]
        if last is not None:
            parts.append(f"<NextContinuationToken>{escape(last)}</NextContinuationToken>")
        return f"<ListBucketResult>{''.join(parts)}</ListBucketResult>".encode()

    def put(self, key, content, metadata, wanted, tag=None):
        """The new object, or None where another generation is there than is wanted (0: none)."""
        with self._lock:
            known = self.objects.get(key)
            if wanted is not None and int(wanted) != (0 if known is None else known.generation):
                return None
            number = next(self._numbers)
            tag = tag or f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
            made = Object(content, metadata, number, tag, 1_777_000_000 + number % 1_000_000)
            self.objects[key] = made
            return made

    def begin(self, key, metadata):
        with self._lock:
            upload = f"upload-{next(self._numbers)}"
            self._parts[upload] = (key, metadata, {})
        return upload

    def part(self, upload, number, content):
        self._parts[upload][2][int(number)] = content

    def complete(self, upload, numbers):
        key, metadata, parts = self._parts.pop(upload)
        return self.put(key, b"".join(parts[one] for one in numbers), metadata, None, f'"-{upload}"')


def _handler(storage):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urllib.parse.urlsplit(self.path)
            query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
            bucket, _, key = urllib.parse.unquote(parts.path[1:]).partition("/")
            storage.seen.append((self.command, key, next(iter(query), "")))
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return self._refuse(401, "AuthenticationRequired")
            if bucket != BUCKET:
                return self._refuse(404, "NoSuchBucket")
            return getattr(self, f"_{self.command.lower()}")(key, query, body)

        def _get(self, key, query, body):
            if "list-type" in query:
                after = query.get("continuation-token", "")
                listed = storage.listed(query.get("prefix", ""), query.get("delimiter", ""), after)
                return self._answer(200, {}, listed)
            one = storage.objects.get(key)
            if one is None:
                return self._refuse(404, "NoSuchKey")
            if self.headers.get("If-Match") not in (None, one.tag):
                return self._refuse(412, "PreconditionFailed")
            headers = {
                "ETag": one.tag,
                "Last-Modified": formatdate(one.modified, usegmt=True),
                **_generation(one),
                **{f"x-goog-meta-{name}": value for name, value in one.metadata.items()},
            }
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
            if asked is None:
                return self._answer(200, headers, one.content)
            first, last = int(asked[1]), min(int(asked[2] or len(one.content)), len(one.content) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(one.content)}"
            return self._answer(206, headers, one.content[first : last + 1])

        _head = _get

        def _put(self, key, query, body):
            if "uploadId" in query:
                storage.part(query["uploadId"], query["partNumber"], body)
                return self._answer(200, {"ETag": f'"{query["partNumber"]}"'})
            made = storage.put(key, body, self._metadata(), self.headers.get("x-goog-if-generation-match"))
            if made is None:
                return self._refuse(412, "PreconditionFailed")
            return self._answer(200, {"ETag": made.tag, **_generation(made)})

        def _post(self, key, query, body):
            if "uploads" in query:
                upload = storage.begin(key, self._metadata())
                named = f"<Bucket>{BUCKET}</Bucket><Key>{escape(key)}</Key><UploadId>{upload}</UploadId>"
                text = f"<InitiateMultipartUploadResult>{named}</InitiateMultipartUploadResult>"
                return self._answer(200, {}, text.encode())
            numbers = [int(one) for one in re.findall(rb"<PartNumber>(\d+)</PartNumber>", body)]
            made = storage.complete(query["uploadId"], numbers)
            text = f"<CompleteMultipartUploadResult><ETag>{escape(made.tag)}</ETag></CompleteMultipartUploadResult>"
            return self._answer(200, _generation(made), text.encode())

        def _delete(self, key, query, body):
            if "uploadId" not in query and storage.objects.pop(key, None) is None:
                return self._refuse(404, "NoSuchKey")
            return self._answer(204, {})

        def _metadata(self):
            found = ((name.lower(), value) for name, value in self.headers.items())
            return {
                name.removeprefix("x-goog-meta-"): value
                for name, value in found
                if name.startswith("x-goog-meta-")
            }

        def _refuse(self, status, code):
            said = f"<Error><Code>{code}</Code><Message>The request is refused.</Message></Error>"
            self._answer(status, {}, said.encode())

        def _answer(self, status, headers, content=b""):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _do

        def log_message(self, *args):
            pass

    return Handler


def _generation(one):
    return {"x-goog-generation": str(one.generation)}


@contextmanager
def google_storage():
    """Serves an empty bucket."""
    made = GoogleStorage()
    try:
        yield made
    finally:
        made.close()
