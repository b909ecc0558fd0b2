"""Gates between waves that a monitoring system answers: PromQL, asked of Prometheus' HTTP API.

A gate holds if its query has a sample and none of its samples is 0 or NaN. A comparison drops the series for which it
is false, so write it with `bool`, or aggregate first: `max(temperature) < bool 70`.
"""

from __future__ import annotations

import asyncio
import json
import math
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from nvmed_fleet.errors import FleetReason, error

TIMEOUT_S = 30
ANSWER_MAX = 4 << 20


async def ask(prometheus: str, query: str) -> str:
    """ "" if the gate holds, else why it does not. PROMETHEUS_UNAVAILABLE if nobody answers, or not the question."""
    return verdict(await asyncio.to_thread(_fetch, prometheus, query))


def verdict(answer: Any) -> str:
    """What an answer of /api/v1/query says: "" if the gate holds."""
    try:
        data = answer["data"]
        results = (
            [data["result"]] if data["resultType"] in ("scalar", "string") else [r["value"] for r in data["result"]]
        )
        values = [float(value) for _, value in results]
    except (KeyError, TypeError, ValueError):
        raise error(FleetReason.PROMETHEUS_UNAVAILABLE, "The answer is no instant vector and no scalar.") from None
    if not values:
        return "the query has no sample"
    bad = [value for value in values if value == 0 or math.isnan(value)]
    return f"{len(bad)} of {len(values)} samples are 0 or NaN" if bad else ""


def _fetch(prometheus: str, query: str) -> Any:
    """Blocks for TIMEOUT_S at most."""
    url = f"{prometheus.rstrip('/')}/api/v1/query"
    body = urllib.parse.urlencode({"query": query}).encode()
    request = urllib.request.Request(url, body)  # noqa: S310  # plan.check lets http and https through alone
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
            return json.loads(response.read(ANSWER_MAX))
    except urllib.error.HTTPError as failure:
        said = failure.read(500).decode(errors="replace")
        raise error(FleetReason.PROMETHEUS_UNAVAILABLE, f"{url} answers {failure.code}: {said}") from failure
    except (OSError, ValueError) as failure:
        raise error(FleetReason.PROMETHEUS_UNAVAILABLE, f"{url}: {failure}") from failure
