"""Who may ask, and how much: the host's name, the origin, the token, the size of a body, the time to send it.

Floor 7. A layer of ASGI around the application. A page of another site may send requests to a server on this machine;
it is refused by the ``Host`` header (a name that was made to point here) and by ``Origin`` (a page that names us).
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from t2t.errors import visible

__all__ = ["Guard", "bare_host", "is_address"]

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class _Refused(Exception):
    """A request that is not passed on."""

    def __init__(self, status: int, said: str, **headers: str) -> None:
        super().__init__(said)
        self.status, self.said, self.headers = status, said, headers


@dataclass(frozen=True)
class Guard:
    """Pass on what is allowed, its body read; add headers to every response.

    ``hosts`` are the names that the server answers to; with ``addresses`` it answers to every numeric address too,
    which no other site can have. ``token`` (None: none is asked for) guards what is below /api/. ``notice`` is told of
    what went wrong inside.
    """

    app: Any
    hosts: Collection[str]
    addresses: bool
    token: str | None
    most_bytes: int
    seconds: float
    notice: Callable[[str], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass on the beginning and the end of the server's life."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def sending(message: dict[str, Any]) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", ()), *own]}
            await send(message)

        try:
            self._check(scope)
            body = await self._body(scope, receive)
            if body is not None:
                await self.app(scope, _replay(body, receive), sending)
        except _Refused as refused:
            await _say(sending, refused)
        except Exception as error:
            self.notice(f"internal: {type(error).__name__}: {visible(error)} ({visible(scope['path'])})")
            if not begun:
                await _say(sending, _Refused(500, "internal: the server's own fault, see what it printed"))

    def _check(self, scope: Scope) -> None:
        """Refuse a host, an origin or a token that is not ours."""
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        host = hosts[0].decode("latin-1") if len(hosts) == 1 else ""
        name = bare_host(host)
        if name not in self.hosts and not (self.addresses and is_address(name)):
            raise _Refused(403, f'this server does not go by the name "{visible(name)}"; see --allow-host')
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        origin = headers.get(b"origin")
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            raise _Refused(403, "requests of other sites' pages are not answered")
        if self.token is not None and scope["path"].startswith("/api/"):
            kind, _, given = headers.get(b"authorization", "").partition(" ")
            same = hmac.compare_digest(given.strip().encode("latin-1"), self.token.encode())
            if kind.lower() != "bearer" or not same:
                said = "a token is needed: Authorization: Bearer TOKEN"
                raise _Refused(401, said, **{"www-authenticate": "Bearer"})

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """Return the whole body, or None where whoever sent it has gone."""
        too_large = _Refused(413, f"the body is over {self.most_bytes:,} bytes", connection="close")
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not declared.isdigit() or int(declared[:20]) > self.most_bytes:
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(self.seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    body += message.get("body", b"")
                    if len(body) > self.most_bytes:
                        raise too_large
                    if not message.get("more_body"):
                        return bytes(body)
        except TimeoutError:
            raise _Refused(408, "the body took too long to come", connection="close") from None


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read, and then what comes after it."""
    left = [body]

    async def replayed() -> dict[str, Any]:
        return {"type": "http.request", "body": left.pop(), "more_body": False} if left else await receive()

    return replayed


async def _say(send: Send, refused: _Refused) -> None:
    """Send a refusal as JSON."""
    body = json.dumps({"error": refused.said}).encode()
    headers: Mapping[str, str] = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        **refused.headers,
    }
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": refused.status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


def bare_host(host: str) -> str:
    """Return a Host header without its port, in lower case.

    >>> bare_host("LocalHost:8000"), bare_host("[::1]:80"), bare_host("::1")
    ('localhost', '::1', '::1')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return (host if host.count(":") > 1 else host.partition(":")[0]).lower()


def is_address(name: str) -> bool:
    """Whether a name is a numeric address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
