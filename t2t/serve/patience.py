"""How many connections are held open, and how long one may take to send a request's head.

Floor 7. uvicorn waits without end for the first head, and for one that has begun, of any number of connections (its
``limit_concurrency`` answers 503 to a head that came, and keeps those that say nothing); `guard` bounds the body.
uvicorn is an extra: it is imported when the protocol is made.
"""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = ["patient"]

SECONDS = 10.0
MOST = 512  # connections: half of what files a process may open on most systems
SAID = b'{"error": "too many connections are open"}'
FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(SAID), SAID)
)


def patient() -> Any:
    """Return uvicorn's HTTP/1.1, closing a connection on which no head was completed for 10 to 20 s.

    A connection beyond ``MOST`` is told so and closed.
    """
    import h11
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Patient(H11Protocol):  # type: ignore[misc]
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.last: Any = None
            self.next: asyncio.TimerHandle = self.loop.call_later(SECONDS, self.look)
            if len(self.connections) > MOST:
                transport.write(FULL)
                transport.close()

        def connection_lost(self, error: Exception | None) -> None:
            self.next.cancel()
            super().connection_lost(error)

        def look(self) -> None:
            if self.conn.their_state is h11.IDLE and self.cycle is self.last:
                self.transport.close()
                return
            self.last = self.cycle
            self.next = self.loop.call_later(SECONDS, self.look)

    return Patient
