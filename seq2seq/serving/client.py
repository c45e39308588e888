"""A client of `seq2seq serve` and of TensorFlow Serving that needs nothing but Python.

For example::

    client = Client("http://127.0.0.1:8501")
    for translation in client.translate(["A dog runs.", "Two men sit."]):
        print(translation)
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from seq2seq.errors import ServerError
from seq2seq.serving.client_endpoint import Endpoint
from seq2seq.serving.client_transport import RequestSender, RetryPolicy

DEFAULT_SIGNATURE = "serving_default"
BATCH_CHARACTERS = 65_536  # of all lines of a request, unless one line alone has more
PAUSE = object()  # among lines or rows: answer what was asked so far before the next is taken


class Client:
    """A connection to one model on a server, for translations and other outputs.

    Args:
        url: http://HOST:PORT of the server, or the same with /v1/models/NAME.
        model: its name; if none, the one in the URL, or "seq2seq".
        timeout: seconds for a connection, and for the whole answer to a request.
        retries: further tries of a request after a failed connection or an answer of 429, 502, 503
            or 504, with growing waits between them (a minute or so with 8).
        batch_lines: lines a request.
        in_flight: requests under way at once.
        token: by which the server knows its clients; over http anyone on the way can read it.

    Raises:
        ServerError: no such URL, or a token that no header can carry.
    """

    def __init__(
        self,
        url: str,
        model: str | None = None,
        *,
        timeout: float = 60.0,
        retries: int = 6,
        batch_lines: int = 32,
        in_flight: int = 4,
        token: str | None = None,
    ) -> None:
        if timeout <= 0 or retries < 0 or batch_lines < 1 or in_flight < 1:
            raise ValueError("timeout, batch_lines and in_flight are positive, retries not below 0")
        self._endpoint = Endpoint.parse(url, model, token)
        self._retry_policy = RetryPolicy(timeout, retries)
        self._batch_lines = batch_lines
        self._in_flight = in_flight

    @property
    def url(self) -> str:
        """The model's address."""
        return self._endpoint.url

    def translate(self, lines: Iterable[str]) -> Iterator[str]:
        """A translation for each line, in order; blank lines give "".

        Raises:
            ServerError: the server cannot be reached, or refused lines, which are named.
        """
        for translation in self._answers(DEFAULT_SIGNATURE, lines):
            if not isinstance(translation, str):
                raise ServerError(
                    f"{self.url}: {DEFAULT_SIGNATURE} answers with more than one text for a line; "
                    "is it a translator made by `seq2seq export`?"
                )
            yield translation

    def predict_rows(
        self, signature: str, rows: Iterable[Mapping[str, Any]]
    ) -> Iterator[dict[str, Any] | Any]:
        """The outputs for each row, in order, from as many requests as needed.

        Args:
            signature: of the model, e.g. "translate_nbest".
            rows: a value for each input by name, e.g. {"text": "A dog runs."}.

        Yields:
            Values by the names of the outputs; the bare value if there is only one output. Lists
            are padded as in the batch the row was in: look at the lengths beside them.

        Raises:
            ServerError: the server cannot be reached, or refused rows, which are named as lines.
        """
        return self._answers(signature, (row if row is PAUSE else dict(row) for row in rows))

    def predict(self, signature: str, columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """All outputs by name, for inputs by name, in one request.

        Raises:
            ServerError: the server cannot be reached, or refused the request.
        """
        inputs = {name: list(values) for name, values in columns.items()}
        rows = len(next(iter(inputs.values()), []))
        sender = RequestSender(self._endpoint, self._retry_policy)
        try:
            content = {"signature_name": signature, "inputs": inputs}
            answer = sender.send("POST", ":predict", content, _lines(1, rows))
            outputs = self._member(answer, "outputs")
            if not isinstance(outputs, dict):
                outputs = {self._single_output(sender, signature): outputs}
            if not all(isinstance(column, list) for column in outputs.values()):
                raise ServerError(f"{self.url} answered with outputs that have no rows")
            return outputs
        finally:
            sender.close()

    def _answers(self, signature: str, rows: Iterable[Any]) -> Iterator[Any]:
        """Yields predictions row by row; requests go out side by side and come back in order."""
        sender = RequestSender(self._endpoint, self._retry_policy)
        pool = ThreadPoolExecutor(self._in_flight, thread_name_prefix="seq2seq-client")
        pending: deque[Future[list[Any]]] = deque()
        try:
            for first, batch in self._batches(rows):
                if not batch:  # a pause
                    while pending:
                        yield from pending.popleft().result()
                    continue
                pending.append(pool.submit(self._predict_batch, sender, signature, first, batch))
                while pending and (pending[0].done() or len(pending) > self._in_flight):
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
            sender.close()  # ends what is under way if nobody waits for it any more
            pool.shutdown()

    def _batches(self, rows: Iterable[Any]) -> Iterator[tuple[int, list[Any]]]:
        """Yields, for each request, the number of its first row (from 1) and its rows.

        No rows: `PAUSE`.
        """
        batch: list[Any] = []
        first, characters = 1, 0
        for row in rows:
            if row is PAUSE:
                if batch:
                    yield first, batch
                    first, batch, characters = first + len(batch), [], 0
                yield first, []
                continue
            size = sum(map(_characters, row.values() if isinstance(row, dict) else [row]))
            if batch and characters + size > BATCH_CHARACTERS:
                yield first, batch
                first, batch, characters = first + len(batch), [], 0
            batch.append(row)
            characters += size
            if len(batch) == self._batch_lines:
                yield first, batch
                first, batch, characters = first + len(batch), [], 0
        if batch:
            yield first, batch

    def _predict_batch(
        self, sender: RequestSender, signature: str, first: int, batch: list[Any]
    ) -> list[Any]:
        content = {"signature_name": signature, "instances": batch}
        subject = _lines(first, len(batch))
        answer = sender.send("POST", ":predict", content, subject)
        predictions = self._member(answer, "predictions")
        if not isinstance(predictions, list) or len(predictions) != len(batch):
            raise ServerError(f"{self.url}: not one prediction a row for {subject}")
        return predictions

    def _single_output(self, sender: RequestSender, signature: str) -> str:
        """The name of a signature's only output, which answers leave out."""
        metadata = sender.send("GET", "/metadata", None, "its metadata")
        try:
            signatures = metadata["metadata"]["signature_def"]["signature_def"]
            (name,) = signatures[signature]["outputs"].keys()
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ServerError(f"{self.url}: its metadata do not describe {signature}") from None
        return name

    def _member(self, answer: Any, name: str) -> Any:
        if not isinstance(answer, dict) or name not in answer:
            raise ServerError(f"{self.url} answered without {name}; is it a model server?")
        return answer[name]


def _lines(first: int, count: int) -> str:
    return f"lines {first} to {first + count - 1}" if count > 1 else f"line {first}"


def _characters(value: Any) -> int:
    return len(value) if isinstance(value, str) else 16
