"""Gates: what an answer of Prometheus means, from a server on a socket."""

from __future__ import annotations

import json
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from nvmed_fleet import gates

from nvmed.errors import Unavailable


def vector(*values: str) -> dict[str, Any]:
    result = [{"metric": {}, "value": [1.0, value]} for value in values]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (vector("1", "0.5"), ""),
        (vector(), "no sample"),
        (vector("1", "0"), "1 of 2 samples are 0"),
        (vector("NaN"), "1 of 1"),
        ({"data": {"resultType": "scalar", "result": [1.0, "1"]}}, ""),
        ({"data": {"resultType": "scalar", "result": [1.0, "0"]}}, "1 of 1"),
    ],
)
def test_what_an_answer_means(answer: Any, said: str) -> None:
    found = gates.verdict(answer)
    assert said in found
    assert bool(found) == bool(said)


@pytest.mark.parametrize(
    "answer",
    [None, [], {}, {"data": {}}, {"data": {"resultType": "matrix", "result": [{"values": []}]}}, vector("many")],
)
def test_an_answer_that_is_none_is_an_error(answer: Any) -> None:
    with pytest.raises(Unavailable) as raised:
        gates.verdict(answer)
    assert raised.value.reason == "PROMETHEUS_UNAVAILABLE"


class Prometheus(BaseHTTPRequestHandler):
    """Answers a query with its own text as a number, and refuses anything else."""

    def do_POST(self) -> None:  # its caller's name
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        query = urllib.parse.parse_qs(body)["query"][0]
        is_good = query.isdecimal() and self.path == "/prom/api/v1/query"
        self.send_response(200 if is_good else 400)
        self.end_headers()
        self.wfile.write(json.dumps(vector(query)).encode() if is_good else b"parse error")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        return


@pytest.fixture
def prometheus() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Prometheus) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/prom/"
        server.shutdown()
        thread.join()


async def test_a_server_is_asked(prometheus: str) -> None:
    assert await gates.ask(prometheus, "1") == ""
    assert "are 0" in await gates.ask(prometheus, "0")


async def test_what_the_server_says_against_a_query_is_told(prometheus: str) -> None:
    with pytest.raises(Unavailable, match="answers 400: parse error"):
        await gates.ask(prometheus, "sum(")


async def test_a_server_that_is_not_there() -> None:
    with pytest.raises(Unavailable, match="refused"):
        await gates.ask("http://127.0.0.1:9", "1")
