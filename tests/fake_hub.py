"""A loopback server that speaks the hub's routes for data sets and models, takes uploads, and fails on command.

``Repo`` is a data set repository; ``FakeHub`` serves some of them, notes every request and applies ``Fault``s: the
first fault whose pattern matches a path and that has turns left decides the answer.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
import socket
import struct
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BIG = 400  # bytes; files from this size on are "LFS files", known by their sha256


@dataclasses.dataclass
class Repo:
    """A data set or model: revision → files. A commit is the sha1 of what it holds."""

    revisions: dict[str, dict[str, bytes]]

    def commit(self, revision: str) -> str | None:
        commits = {name: self.digest(name) for name in self.revisions}
        return commits.get(revision) or (revision if revision in commits.values() else None)

    def digest(self, revision: str) -> str:
        state = sorted((name, hashlib.sha256(data).hexdigest()) for name, data in self.revisions[revision].items())
        return hashlib.sha1(repr(state).encode()).hexdigest()

    def files(self, revision: str) -> dict[str, bytes]:
        wanted = self.commit(revision)
        return next(files for name, files in self.revisions.items() if self.digest(name) == wanted)


@dataclasses.dataclass
class Fault:
    """What goes wrong: ``status`` with headers; silent, drip, drip header, truncate, reset, corrupt, html, redirect."""

    path: str
    act: str = "status"
    status: int = 500
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    times: int = 1000


def entry(path: str, data: bytes) -> dict[str, Any]:
    """Return what a listing says of a file."""
    oid = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    said: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": oid}
    if len(data) >= BIG:
        said["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
    return said


class FakeHub:
    """The server; ``requests`` are (method, path, headers) in the order they came."""

    def __init__(self, repos: dict[str, Repo]) -> None:
        self.repos, self.faults = repos, list[Fault]()
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.page = 1000
        self.token = ""  # what may write; without one nobody may
        self.visibility: dict[str, str | None] = {}  # of the repositories that were made here
        self.stored: dict[str, bytes] = {}  # LFS files by sha256
        self.messages: list[str] = []  # of the commits
        self.closing = threading.Event()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                hub.answer(self)

            do_HEAD = do_POST = do_PUT = do_GET

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator[FakeHub]:
        """Serve until the block is left."""
        thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.closing.set()
            self.server.shutdown()
            self.server.server_close()
            thread.join()

    def paths(self, method: str = "GET") -> list[str]:
        """Return the paths asked for."""
        return [path for done, path, _ in self.requests if done == method]

    def fail(self, path: str, act: str = "status", **more: Any) -> None:
        """Add a fault."""
        self.faults.append(Fault(path, act, **more))

    # --- answers ---

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request, or fail as told."""
        sent = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        self.requests.append((handler.command, handler.path, {k.lower(): v for k, v in handler.headers.items()}))
        path, _, query = handler.path.partition("?")
        fault = next((f for f in self.faults if f.times > 0 and re.search(f.path, handler.path)), None)
        if fault:
            fault.times -= 1
        try:
            if fault and fault.act == "silent":
                self.closing.wait(30)
                handler.close_connection = True
            elif fault and fault.act == "drip header":
                for letter in "HTTP/1.1 200 OK\r\nX-Long: " + "a" * 400:
                    handler.wfile.write(letter.encode())
                    time.sleep(0.02)
                handler.close_connection = True
            elif fault and fault.act == "status":
                self.send(handler, fault.status, b"no", fault.headers)
            elif fault and fault.act == "redirect":
                self.send(handler, 302, b"", fault.headers)
            elif handler.command in ("POST", "PUT"):
                allowed = path.startswith("/lfs/") or handler.headers.get("Authorization") == f"Bearer {self.token}"
                status, said = self.take(path, sent) if self.token and allowed else (401, {"error": "no"})
                self.send(handler, status, json.dumps(said).encode(), {"Content-Type": "application/json"},
                          fault.act if fault else "")  # fmt: skip
            else:
                status, body, headers = self.route(path, urllib.parse.parse_qs(query))
                self.send(handler, status, body, headers, fault.act if fault else "")
        except (BrokenPipeError, ConnectionResetError):
            handler.close_connection = True

    def route(self, path: str, query: dict[str, list[str]]) -> tuple[int, bytes, dict[str, str]]:
        """Return status, body and headers. The revision is split off before it is unquoted."""
        for pattern, serve in (
            (r"/api/(?:datasets|models)/([^/]+/[^/]+)/revision/([^/]+)", self.about),
            (r"/api/(?:datasets|models)/([^/]+/[^/]+)/tree/([^/]+)", self.tree),
            (r"(?:/datasets)?/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.file),
        ):
            if match := re.fullmatch(pattern, path):
                repo_id, revision, *rest = map(urllib.parse.unquote, match.groups())
                repo = self.repos.get(repo_id)
                if repo is None:
                    return 401, b"{}", {"X-Error-Code": "RepoNotFound"}
                commit = repo.commit(revision)
                if commit is None:
                    return 404, b"{}", {"X-Error-Code": "RevisionNotFound"}
                answer: Callable[..., tuple[int, bytes, dict[str, str]]] = serve
                return answer(repo, repo_id, commit, query, *rest)
        return (200, b"hub", {}) if path == "/" else (404, b"", {})

    def about(self, repo: Repo, repo_id: str, commit: str, query: Any) -> tuple[int, bytes, dict[str, str]]:
        names = [{"rfilename": name} for name in repo.files(commit)]
        return 200, json.dumps({"id": repo_id, "sha": commit, "siblings": names}).encode(), {}

    def tree(self, repo: Repo, repo_id: str, commit: str, query: Any) -> tuple[int, bytes, dict[str, str]]:
        start = int(query.get("cursor", ["0"])[0])
        listed = [entry(name, data) for name, data in repo.files(commit).items()]
        headers = {}
        if start + self.page < len(listed):
            url = f"{self.url}/api/datasets/{repo_id}/tree/{commit}?recursive=true&cursor={start + self.page}"
            headers["Link"] = f'<{url}>; rel="next"'
        return 200, json.dumps(listed[start : start + self.page]).encode(), headers

    def file(self, repo: Repo, repo_id: str, commit: str, query: Any, name: str) -> tuple[int, bytes, dict[str, str]]:
        data = repo.files(commit).get(name)
        if data is None:
            return 404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}
        said = entry(name, data)
        etag = said.get("lfs", said)["oid"]
        return 200, data, {"X-Repo-Commit": commit, "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}

    # --- uploads ---

    def take(self, path: str, sent: bytes) -> tuple[int, dict[str, Any]]:
        """Return status and answer to what was sent: a new repository, a file to come, its bytes, or a commit."""
        if match := re.fullmatch(r"/lfs/([0-9a-f]{64})", path):
            self.stored[match[1]] = sent
            return 200, {}
        if path == "/api/validate-yaml":
            return 200, {"warnings": [], "errors": []}
        if path == "/api/repos/create":
            asked = json.loads(sent)
            repo_id = f"{asked['organization']}/{asked['name']}"
            if repo_id in self.repos:
                return 409, {"error": "it is there", "url": f"{self.url}/{repo_id}"}
            self.repos[repo_id], self.visibility[repo_id] = Repo({"main": {}}), asked.get("visibility")
            return 200, {"url": f"{self.url}/{repo_id}"}
        if re.fullmatch(r"/[^/]+/[^/]+\.git/info/lfs/objects/batch", path):
            objects = json.loads(sent)["objects"]
            return 200, {"objects": [
                {**one, "actions": {"upload": {"href": f"{self.url}/lfs/{one['oid']}"}}} for one in objects
            ]}  # fmt: skip
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/(preupload|commit)/main", path):
            repo = self.repos[match[1]]
            return 200, self.announce(sent) if match[2] == "preupload" else self.commit(repo, match[1], sent)
        return 404, {}

    def announce(self, sent: bytes) -> dict[str, Any]:
        """Say how each file is to come: in the commit, or before it."""
        return {"files": [
            {"path": one["path"], "uploadMode": "lfs" if one["size"] >= BIG else "regular", "shouldIgnore": False}
            for one in json.loads(sent)["files"]
        ]}  # fmt: skip

    def commit(self, repo: Repo, repo_id: str, sent: bytes) -> dict[str, Any]:
        """Put the files of a commit where they are served from."""
        files = repo.revisions["main"]
        for line in map(json.loads, sent.splitlines()):
            value = line["value"]
            if line["key"] == "header":
                self.messages.append(value["summary"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.stored[value["oid"]]
            else:
                files[value["path"]] = base64.b64decode(value["content"])
        oid = repo.digest("main")
        return {"commitUrl": f"{self.url}/{repo_id}/commit/{oid}", "commitOid": oid, "success": True}

    def send(
        self, handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str], act: str = ""
    ) -> None:
        """Send an answer, spoiled as ``act`` says."""
        wanted = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        if act == "html":
            body, headers = b"<html>Log in, please.</html>", {"Content-Type": "text/html; charset=utf-8"}
        elif act == "corrupt":
            body = body[:-20] + bytes(255 - b for b in body[-20:])
        elif wanted and status == 200:
            start = int(wanted[1])
            headers = {**headers, "Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
            status, body = 206, body[start:]
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if handler.command == "HEAD":
            return
        if act == "drip":
            for i in range(len(body)):
                handler.wfile.write(body[i : i + 1])
                handler.wfile.flush()
                time.sleep(0.05)
            return
        if act in ("truncate", "reset"):
            body, handler.close_connection = body[: len(body) // 2], True
        handler.wfile.write(body)
        if act == "reset":
            handler.wfile.flush()
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
