"""`t2t serve`: a playground and a JSON API before models that are loaded once.

Floor 7. `served` makes examples of what is asked and JSON of what is said, `line` has requests wait and answers what is
alike together, `guard` lets in who may ask, `app` puts paths to it. FastAPI and uvicorn are an extra.
"""

from __future__ import annotations

import asyncio
import importlib.util
import ipaddress
import math
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from t2t.errors import Stopped, UsageError, visible

__all__ = ["Door", "check_door", "serve"]

LOOPBACK = ("127.0.0.1", "::1", "localhost")
SHORTEST_TOKEN = 16  # characters


@dataclass(frozen=True)
class Door:
    """Where a server listens, whom it lets in, and how much it takes on.

    ``allow`` are names that it answers to beside its own; ``queue`` is how many requests a model has at most,
    ``timeout`` the seconds and ``max_body`` the bytes of one.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    allow: tuple[str, ...] = ()
    queue: int = 32
    timeout: float = 60.0
    max_body: int = 1_000_000


def check_door(door: Door) -> bool:
    """Return whether only this machine can come in. Raise ``UsageError`` for an open door without a token."""
    for name, value in (("queue", door.queue), ("timeout", door.timeout), ("max-body", door.max_body)):
        if not 0 < value < math.inf:
            raise UsageError(f"expected more than 0, got {value}", where=f"--{name}")
    if door.token is not None and not (door.token.isascii() and len(door.token) >= SHORTEST_TOKEN):
        raise UsageError(f"expected at least {SHORTEST_TOKEN} characters, all of them ASCII", where="--token",
                         fix="For example that of `openssl rand -hex 16`.")  # fmt: skip
    addresses = {str(info[4][0]).partition("%")[0] for info in _resolved(door)}
    local = all(ipaddress.ip_address(address).is_loopback for address in addresses)
    if not local and door.token is None:
        raise UsageError(f"{visible(door.host)} lets other machines in", where="--host",
                         fix="Give --token, or leave --host out.")  # fmt: skip
    return local


def _resolved(door: Door) -> list[Any]:
    try:
        return socket.getaddrinfo(door.host or None, door.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError, OverflowError):
        raise UsageError(f'"{visible(door.host)}:{door.port}" is no address', where="--host") from None


def _listen(door: Door) -> socket.socket:
    """Return a socket that listens."""
    family, kind, protocol, _, address = _resolved(door)[0]
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(128)
    except OSError as error:
        opened.close()
        raise UsageError(f"cannot listen: {error.strerror}", where=f"{visible(door.host)}:{door.port}",
                         fix="Give another --port; 0 takes a free one.") from None  # fmt: skip
    return opened


def _installed() -> None:
    """Raise ``UsageError`` where the extra is missing."""
    for package in ("fastapi", "uvicorn"):
        if importlib.util.find_spec(package) is None:
            raise UsageError(f"the package {package} is not installed", fix='pip install "t2t[serve]"')


def serve(
    names: Sequence[str],
    door: Door,
    *,
    family: str | None = None,
    settings: Mapping[str, Any] | None = None,
    watch: Any,
    ready: Callable[[str], None],
) -> None:
    """Load models and answer until a signal comes; what was asked by then is answered, then ``Stopped`` is raised.

    ``ready`` is told the address as soon as requests are taken. Raise ``UsageError`` for what cannot be listened to.
    """
    _installed()
    if len(set(names)) < len(names):
        raise UsageError("the same model is named twice")
    local = check_door(door)
    # uvicorn takes the signals over, and raises them again when it has stopped.
    before = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with _listen(door) as opened:
            from t2t.serve.served import load

            loaded = []
            for name in names:
                watch.notice(f"loading {visible(name)}")
                loaded.append(load(name, family, settings or {}))
            asyncio.run(_run(loaded, door, local, opened, watch, ready))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, _: Any) -> NoReturn:
    name = signal.Signals(number).name
    raise Stopped(f"stopped by {name}; what was asked is answered", signal_number=number)


async def _run(
    loaded: Sequence[Any], door: Door, local: bool, opened: socket.socket, watch: Any, ready: Callable[[str], None]
) -> None:
    import uvicorn

    from t2t.serve.app import Api, app
    from t2t.serve.guard import Guard
    from t2t.serve.patience import patient

    own = {name for _, names in loaded for name in names}
    api = Api([one for one, _ in loaded], own, queue=door.queue, seconds=door.timeout, token=door.token is not None)
    hosts = {*LOOPBACK, door.host.lower(), *(name.lower() for name in door.allow)}
    guarded = Guard(
        app(api), hosts, addresses=not local, token=door.token, most_bytes=door.max_body, seconds=door.timeout,
        notice=watch.notice,
    )  # fmt: skip
    config = uvicorn.Config(
        guarded, http=patient(), ws="none", lifespan="on", log_config=None, access_log=False, server_header=False,
        proxy_headers=False, timeout_graceful_shutdown=math.ceil(door.timeout) + 1,
    )  # fmt: skip
    address, port = opened.getsockname()[:2]
    ready(f"http://{f'[{address}]' if ':' in address else address}:{port}")
    await uvicorn.Server(config).serve(sockets=[opened])
