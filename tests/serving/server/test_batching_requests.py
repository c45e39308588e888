import asyncio
import http.client
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from fake_server import ShoutingModel, serving, strings
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.config.serving import BatchingConfig
from seq2seq.serving.server.batching import Batcher
from seq2seq.serving.server.errors import Code, RequestError
from seq2seq.serving.server.metrics import Metrics
from seq2seq.serving.server.row_blocks import Lane, cut_request, join_rows

SIGNATURE = "serving_default"


class Driver:
    """A batcher over a model, inside a running loop."""

    def __init__(self, model, **config):
        self.model = model
        self.batcher = Batcher(BatchingConfig(**config), Metrics())

    def ask(self, *texts, signature=SIGNATURE, model=None, timeout=None):
        """A request under way."""
        inputs = {"text": strings([text.encode() for text in texts])}
        work = self.batcher.predict(model or self.model, signature, inputs, timeout)
        return asyncio.ensure_future(work)

    async def until_running(self):
        """Returns once a worker is inside the model."""
        entered = asyncio.get_running_loop().run_in_executor(None, self.model.running.acquire)
        await asyncio.wait_for(entered, 10)

    async def answers(self, *requests):
        """Translations, or the code of the error."""
        outcomes = await asyncio.wait_for(asyncio.gather(*requests, return_exceptions=True), 20)
        return [
            each.code if isinstance(each, RequestError) else list(each["translation"])
            for each in outcomes
        ]


def run(scenario, **config):
    """Runs a scenario on a driver of its own, and gives what it returns."""

    async def main():
        driver = Driver(ShoutingModel(), **config)
        try:
            return await scenario(driver)
        finally:
            driver.model.gate.set()
            driver.batcher.stop()

    return asyncio.run(main())


def test_requests_gather_while_the_worker_is_busy():
    async def scenario(driver):
        driver.model.gate.clear()
        first = driver.ask("a")
        await driver.until_running()
        others = [driver.ask("b", "c"), driver.ask("d"), driver.ask(), driver.ask("e")]
        await asyncio.sleep(0)
        driver.model.gate.set()
        answers = await driver.answers(first, *others)
        assert answers == [[b"A"], [b"B", b"C"], [b"D"], [], [b"E"]]
        assert driver.model.batches == [1, 4]

    run(scenario, max_delay=0)


def test_a_full_batch_does_not_wait_for_more():
    async def scenario(driver):
        answers = await driver.answers(*(driver.ask(text) for text in "abcd"))
        assert answers == [[b"A"], [b"B"], [b"C"], [b"D"]]
        assert driver.model.batches == [4]

    run(scenario, max_batch=4, max_delay=10_000)


def test_an_idle_worker_waits_no_longer_than_the_delay():
    async def scenario(driver):
        started = time.monotonic()
        await driver.answers(driver.ask("a"))
        return time.monotonic() - started

    assert run(scenario, max_delay=300) >= 0.3
    assert run(scenario, max_delay=1) < 5


def test_signatures_and_models_are_not_mixed():
    async def scenario(driver):
        other = ShoutingModel(b"2:")
        requests = [
            driver.ask("a"),
            driver.ask("b", model=other),
            driver.ask("c", signature="translate"),
            driver.ask("d"),
        ]
        assert await driver.answers(*requests) == [[b"A"], [b"2:B"], [b"C"], [b"D"]]
        assert sorted(driver.model.batches) == [1, 2] and other.batches == [1]

    run(scenario)


@given(
    st.lists(st.booleans(), min_size=1, max_size=12),
    st.sampled_from([("poison", Code.INVALID_ARGUMENT), ("bug", Code.INTERNAL)]),
)
@settings(deadline=None, max_examples=30)
def test_bad_requests_fail_alone(bad, poison):
    text, code = poison

    async def scenario(driver):
        requests = [driver.ask(text if each else "good", "x") for each in bad]
        expected = [code if each else [b"GOOD", b"X"] for each in bad]
        assert await driver.answers(*requests) == expected

    run(scenario, max_batch=1000, max_delay=1)


def test_a_large_request_runs_in_pieces():
    async def scenario(driver):
        texts = [f"text {number}" for number in range(10)]
        answers = await driver.answers(driver.ask(*texts), driver.ask("other"))
        assert answers == [[text.upper().encode() for text in texts], [b"OTHER"]]
        assert sorted(driver.model.batches) == [1, 2, 4, 4]
        too_many = driver.ask(*["x"] * 13)
        with pytest.raises(RequestError, match="13 rows in one request; at most 12"):
            await too_many

    run(scenario, max_batch=4, max_rows=12)


def test_pieces_of_different_widths_are_padded():
    async def scenario(driver):
        outputs = await driver.ask("abc", "d", signature="letters")
        assert outputs["letters"].tolist() == [[b"A", b"B", b"C"], [b"D", b"", b""]]
        assert outputs["length"].tolist() == [3, 1]

    run(scenario, max_batch=1)


def test_numbers_are_padded_with_zeros():
    joined = join_rows([{"n": np.ones((1, 1, 2))}, {"n": np.ones((2, 3, 1))}])["n"]
    assert joined.shape == (3, 3, 2)
    assert joined[0].tolist() == [[1, 1], [0, 0], [0, 0]]
    assert joined[2].tolist() == [[1, 0]] * 3


def test_overload_is_refused_at_once():
    async def scenario(driver):
        driver.model.gate.clear()
        first = driver.ask("a")
        await driver.until_running()
        waiting = [driver.ask("b", "c"), driver.ask("d")]
        await asyncio.sleep(0)
        two, one, another = driver.ask("e", "f"), driver.ask("g"), driver.ask("h")
        refused = await driver.answers(two, another)  # 3 of 4 places are taken: one row still fits
        assert refused == [Code.UNAVAILABLE] * 2 and not one.done()
        driver.model.gate.set()
        assert await driver.answers(first, *waiting) == [[b"A"], [b"B", b"C"], [b"D"]]
        assert await driver.answers(one) == [[b"G"]]
        more_than_may_wait = driver.ask("e", "f", "g", "h", "i")  # fits: nothing else is there
        assert await driver.answers(more_than_may_wait) == [[b"E", b"F", b"G", b"H", b"I"]]

    run(scenario, max_batch=8, max_delay=0, queue=4)


def test_a_request_that_takes_too_long_is_given_up():
    async def scenario(driver):
        driver.model.gate.clear()
        late = driver.ask("a", timeout=0.05)
        await driver.until_running()
        queued = driver.ask("b", timeout=0.01)
        assert await driver.answers(queued, late) == [Code.DEADLINE_EXCEEDED] * 2
        driver.model.gate.set()
        assert await driver.answers(driver.ask("c")) == [[b"C"]]
        assert driver.model.batches == [1, 1]  # what waited in vain was never run

    run(scenario, max_delay=0)


def test_nobody_waits_longer_than_the_server_allows():
    async def scenario(driver):
        driver.model.gate.clear()
        assert await driver.answers(driver.ask("a", timeout=1000)) == [Code.DEADLINE_EXCEEDED]

    run(scenario, timeout=0.05)


def test_several_threads_run_at_once():
    async def scenario(driver):
        driver.model.gate.clear()
        requests = [driver.ask("a"), driver.ask("b"), driver.ask("c")]
        await driver.until_running()
        await driver.until_running()  # two are inside
        assert not driver.model.running.acquire(blocking=False)  # and not the third
        driver.model.gate.set()
        assert await driver.answers(*requests) == [[b"A"], [b"B"], [b"C"]]

    run(scenario, max_batch=1, threads=2)


def test_64_clients_lose_and_swap_no_answers(tmp_path):
    model = ShoutingModel()
    together = threading.Barrier(64)

    def ask(client, server):
        connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
        together.wait(30)
        for number in range(8):
            text = f"client {client} asks {number}"
            connection.request(
                "POST", "/v1/models/seq2seq:predict", json.dumps({"instances": [text, "x"]})
            )
            answer = json.loads(connection.getresponse().read())
            assert answer == {"predictions": [text.upper(), "X"]}
        connection.close()

    batching = {"max_delay": 20}
    with serving(tmp_path, model, batching=batching) as server, ThreadPoolExecutor(64) as pool:
        list(pool.map(ask, range(64), [server] * 64))
    assert sum(model.batches) == 64 * 8 * 2
    assert len(model.batches) < 64 * 8 / 2  # and they shared runs


def test_a_server_under_overload_answers_everybody(tmp_path):
    model = ShoutingModel()
    settings = {"batching": {"queue": 4, "max_delay": 0}}

    with serving(tmp_path, model, **settings) as server, ThreadPoolExecutor(32) as pool:
        model.gate.clear()
        waiting = [pool.submit(server.predict, {"instances": ["a"]})]
        assert model.running.acquire(timeout=10)
        waiting += [pool.submit(server.predict, {"instances": ["a"]}) for _ in range(31)]
        refused = 0
        while refused < 27:  # 1 runs and 4 wait; the others have their answer before these
            refused = sum(each.done() and each.result()[0] == 503 for each in waiting)
        headers = server.request("POST", "/v1/models/seq2seq:predict", '{"instances": ["a"]}')[1]
        assert headers["retry-after"] == "1"
        model.gate.set()
        assert sorted(each.result()[0] for each in waiting) == [200] * 5 + [503] * 27


LONG = "long" * 50  # with `run_bytes` of 100


class Held(ShoutingModel):
    """Holds runs with long texts back until its gate opens, and remembers the texts of each run."""

    def __init__(self):
        super().__init__()
        self.runs = []

    def predict(self, signature, inputs):
        texts = list(inputs["text"])
        self.runs.append([text.decode() for text in texts])
        self.running.release()
        if any(len(text) > 100 for text in texts):
            assert self.gate.wait(30)
        return {"translation": strings([text.upper() for text in texts])}


def test_short_texts_are_answered_beside_long_ones():
    async def scenario(driver):
        driver.model = Held()
        driver.model.gate.clear()
        long = [driver.ask(LONG), driver.ask("x", LONG, LONG, "y")]
        await driver.until_running()
        for text in "abc":
            assert await driver.answers(driver.ask(text)) == [[text.upper().encode()]]
        assert not any(each.done() for each in long)
        assert sum(LONG in run for run in driver.model.runs) == 1  # the others wait for it
        driver.model.gate.set()
        shouted = LONG.upper().encode()
        assert await driver.answers(*long) == [[shouted], [b"X", shouted, shouted, b"Y"]]
        assert [run for run in driver.model.runs if LONG in run] == [[LONG]] * 3

    run(scenario, run_bytes=100, max_delay=0)


def test_short_requests_are_answered_beside_one_of_many_rows():
    async def scenario(driver):
        driver.model = Held()
        driver.model.gate.clear()
        large = driver.ask(*["x" * 101] * 3)
        await driver.until_running()
        for text in "abc":
            assert await driver.answers(driver.ask(text)) == [[text.upper().encode()]]
        assert not large.done()
        driver.model.gate.set()
        assert await driver.answers(large) == [[b"X" * 101] * 3]
        assert sorted(map(len, driver.model.runs)) == [1, 1, 1, 1, 2]

    run(scenario, run_bytes=250, max_delay=0)


def test_large_requests_that_fill_their_queue_leave_short_ones_theirs():
    async def scenario(driver):
        driver.model = Held()
        driver.model.gate.clear()
        large = [driver.ask(*["x" * 101] * 3) for _ in range(3)]
        await driver.until_running()
        assert await driver.answers(driver.ask(*["x" * 101] * 3)) == [Code.UNAVAILABLE]
        driver.batcher.refuse_overload()
        assert await driver.answers(driver.ask("a")) == [[b"A"]]
        driver.model.gate.set()
        assert await driver.answers(*large) == [[b"X" * 101] * 3] * 3

    run(scenario, run_bytes=250, max_delay=0, queue=8)


def test_a_request_of_many_runs_lets_one_of_few_go_between_them():
    async def scenario(driver):
        driver.model.gate.clear()
        large = driver.ask(*["x" * 40] * 20)
        await driver.until_running()
        other = driver.ask(*["b" * 40] * 3)
        await asyncio.sleep(0)
        driver.model.gate.set()
        assert await driver.answers(other) == [[b"B" * 40] * 3]
        assert not large.done()
        assert await driver.answers(large) == [[b"X" * 40] * 20]

    run(scenario, run_bytes=100, max_delay=0)


def test_what_let_others_go_first_does_not_wait_for_ever():
    async def scenario(driver):
        driver.model.gate.clear()
        large = driver.ask(*["x" * 40] * 6)  # three runs; the last yields for a second
        early = driver.ask(*["early"] * 3)
        await driver.until_running()
        await asyncio.sleep(1.2)
        late = driver.ask(*["late"] * 3)
        await asyncio.sleep(0)
        driver.model.gate.set()
        finished = []
        for name, request in {"large": large, "early": early, "late": late}.items():
            request.add_done_callback(lambda _, name=name: finished.append(name))
        await driver.answers(large, early, late)
        assert finished == ["early", "large", "late"]

    run(scenario, run_bytes=100, max_batch=2, max_delay=0)


@given(
    st.lists(st.lists(st.text("abc", max_size=30), max_size=9), min_size=1, max_size=5),
    st.integers(1, 40),
    st.integers(1, 5),
)
@settings(deadline=None, max_examples=50)
def test_requests_are_answered_whole_and_runs_are_bounded(requests, run_bytes, max_batch):
    async def scenario(driver):
        driver.model = Held()
        asked = [driver.ask(*texts) for texts in requests]
        expected = [[text.upper().encode() for text in texts] for texts in requests]
        assert await driver.answers(*asked) == expected
        for texts in driver.model.runs:
            assert len(texts) <= max_batch
            assert len(texts) <= 1 or sum(map(len, texts)) <= run_bytes

    run(scenario, run_bytes=run_bytes, max_batch=max_batch, max_delay=0)


def test_numbers_count_by_their_bytes():
    inputs = {"ids": np.zeros((5, 10), np.int32), "text": strings([b"x" * 10] * 5)}
    config = BatchingConfig(run_bytes=100)
    blocks = cut_request(inputs, 5, config)
    assert [(block.rows, block.size, block.lane) for block in blocks] == [
        *[(2, 100, Lane.LARGE)] * 2,
        (1, 50, Lane.LARGE),
    ]
    (long, *_) = cut_request(inputs, 5, BatchingConfig(run_bytes=49))
    assert (long.rows, long.lane) == (1, Lane.LONG)
