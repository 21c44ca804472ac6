"""How long a connection may take to send a request's head, so that one that only drips does not stay for ever.

Floor 7. uvicorn waits without end for the first head, and for one that has begun; `guard` bounds the body.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["Patient"]


class Patient(H11Protocol):  # type: ignore[misc]
    """HTTP/1.1 that closes a connection on which no head was completed for ``seconds`` to twice that."""

    seconds = 10.0

    def connection_made(self, transport: Any) -> None:
        """Begin to look after a connection."""
        super().connection_made(transport)
        self._last: Any = None
        self._next: asyncio.TimerHandle = self.loop.call_later(self.seconds, self._look)

    def connection_lost(self, error: Exception | None) -> None:
        """Look no more."""
        self._next.cancel()
        super().connection_lost(error)

    def _look(self) -> None:
        if self.conn.their_state is h11.IDLE and self.cycle is self._last:
            self.transport.close()
            return
        self._last = self.cycle
        self._next = self.loop.call_later(self.seconds, self._look)
