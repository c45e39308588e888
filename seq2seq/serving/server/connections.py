"""HTTP connections with bounds: their number, and the time a client may take to ask and to read."""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from seq2seq.config.serving import RequestLimits
from seq2seq.serving.server.request_heads import LARGEST_HEAD
from seq2seq.serving.server.rest_json import write_error

FEWEST_CHUNKS = 4096  # that a body may always come in
BYTES_A_CHUNK = 1024  # on average, of a body in more chunks


class _HttpReader(h11.Connection):
    """HTTP of one connection, in which a body cannot come in very many chunks.

    Each takes much longer to read than its bytes, and the event loop answers nobody meanwhile.
    """

    def __init__(self, largest_head: int, most_chunks: int) -> None:
        super().__init__(h11.SERVER, largest_head)
        self._chunks = 0
        self._most_chunks = most_chunks
        self.refusal: tuple[int, str] | None = None  # of what is no mistake in HTTP

    def next_event(self) -> Any:
        """The next event, as h11 has it.

        Raises:
            h11.RemoteProtocolError: this is no HTTP, or there are too many chunks.
        """
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._chunks = 0
        elif isinstance(event, h11.Data) and event.chunk_start:
            self._chunks += 1
            if self._chunks > self._most_chunks:
                reason = f"the body comes in more than {self._most_chunks} chunks; send larger ones"
                self.refusal = (413, reason)
                raise h11.RemoteProtocolError(reason)
        return event


class BoundedConnection(H11Protocol):
    """One client's connection.

    uvicorn itself waits without end for the head of a request, for the rest of a body whose
    request is answered already, and for a client to read its answer. Only one of the three can be
    due at a time on each side, so there is one clock for reading and one for writing.
    """

    limits: ClassVar[RequestLimits]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        most_chunks = max(FEWEST_CHUNKS, self.limits.max_body // BYTES_A_CHUNK)
        self.conn: _HttpReader = _HttpReader(LARGEST_HEAD, most_chunks)
        self._reading: asyncio.TimerHandle | None = None
        self._reading_for: Callable[[], None] | None = None
        self._writing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Refuses the connection if there are too many."""
        super().connection_made(transport)  # type: ignore[arg-type]
        if len(self.connections) > self.limits.max_connections:
            self._refuse(503, "too many connections; try again later")
        else:
            self._watch_reading()

    def data_received(self, data: bytes) -> None:
        """Reads on, and starts or stops the clock."""
        super().data_received(data)
        self._watch_reading()

    def on_response_complete(self) -> None:
        """Restarts the clock: the next request may be under way, or a body that nobody wants."""
        super().on_response_complete()
        self._watch_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the clocks."""
        super().connection_lost(exc)
        self._stop_reading_clock()
        self.resume_writing()

    def shutdown(self) -> None:
        """Ends the connection, at once if no request is under way."""
        try:
            super().shutdown()
        except h11.LocalProtocolError:  # it broke off before
            self.transport.close()

    def pause_writing(self) -> None:
        """Starts the clock of a client that reads more slowly than it is answered."""
        super().pause_writing()
        self._writing = self.loop.call_later(self.limits.read_timeout, self._drop)

    def resume_writing(self) -> None:
        """Stops that clock: the client has caught up."""
        super().resume_writing()
        if self._writing:
            self._writing.cancel()
            self._writing = None

    def send_400_response(self, msg: str) -> None:
        """Answers what is not HTTP, in JSON like all else."""
        self._refuse(*(self.conn.refusal or (400, msg)))

    def _watch_reading(self) -> None:
        """Runs the clock if, and only if, the client owes bytes of the kinds above."""
        owed: Callable[[], None] | None = None
        if self.transport.is_closing():
            pass
        elif self.conn.their_state is h11.IDLE and self.cycle is None:
            owed = self._late_first_head
        elif self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            owed = self._late_head
        elif self.conn.their_state is h11.SEND_BODY and self.conn.our_state is h11.DONE:
            owed = self.transport.close
        if owed != self._reading_for:
            self._stop_reading_clock()
            if owed:
                self._reading = self.loop.call_later(self.limits.read_timeout, owed)
                self._reading_for = owed

    def _drop(self) -> None:
        """Ends the connection with all that was to be sent, in the kernel's buffers too."""
        at_once = struct.pack("ii", 1, 0)
        connection = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        self.transport.abort()

    def _stop_reading_clock(self) -> None:
        if self._reading:
            self._reading.cancel()
        self._reading = self._reading_for = None

    def _late_first_head(self) -> None:
        if self.conn.trailing_data[0]:
            self._late_head()
        else:  # a connection opened in case of need; nothing was asked, so nothing is answered
            self.transport.close()

    def _late_head(self) -> None:
        self._refuse(408, f"no whole request within {self.limits.read_timeout:g} seconds")

    def _refuse(self, status: int, message: str) -> None:
        """Answers outside of any request, and closes."""
        body = write_error(message)
        headers = [
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("connection", "close"),
        ]
        if status == 503:
            headers.append(("retry-after", "1"))
        try:
            head = self.conn.send(h11.Response(status_code=status, headers=headers))
            content = self.conn.send(h11.Data(data=body))
            self.transport.write((head or b"") + (content or b""))
            self.conn.send(h11.EndOfMessage())
        except h11.LocalProtocolError:  # in the middle of another answer
            pass
        self.transport.close()


def bounded_by(limits: RequestLimits) -> type[BoundedConnection]:
    """The connection class with its limits, for a uvicorn that makes connections itself."""
    return type("BoundedConnection", (BoundedConnection,), {"limits": limits})
