"""Requests as mutations: which of them are the same one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import descriptor_pool, message_factory

from nvmed.rpc.budget import Budget, Lease
from nvmed.rpc.call import Call, current_call
from nvmed.rpc.mutation import mutation
from nvmed.rpc.rules import RULES
from nvmed.security.principal import Principal

KNOWN = uuid.UUID("3f2a8e1c-00ab-4cde-8f01-abcdef012345")


def _class(name: str) -> type[Any]:
    found: type[Any] = message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(name))
    return found


REQUESTS = [_class(name) for name, rules in RULES.items() if "request_id" in rules]
"""Every request that may have a request_id."""


@pytest.fixture
def call() -> Iterator[None]:
    token = current_call.set(Call("/nvmed.v1.Test/Do", Principal("unix:a"), "unix:", "r", Lease(Budget(0), "unix:a")))
    yield
    current_call.reset(token)


@pytest.mark.usefixtures("call")
@pytest.mark.parametrize("request_type", REQUESTS, ids=lambda kind: kind.DESCRIPTOR.name)
def test_a_uuid_is_the_same_however_it_is_written(request_type: type[Any]) -> None:
    plain = str(KNOWN)
    written = [plain, plain.upper(), plain.title(), plain.swapcase()]
    made = [mutation(request_type(request_id=one), "t") for one in written]
    assert {one.request_id for one in made} == {plain}
    assert made == made[:1] * len(made)
    assert mutation(request_type(), "t").request_id == ""


@pytest.mark.parametrize("request_type", REQUESTS, ids=lambda kind: kind.DESCRIPTOR.name)
@pytest.mark.parametrize(
    "text",
    [
        "{" + str(KNOWN) + "}",
        KNOWN.hex,
        f"urn:uuid:{KNOWN}",
        f" {KNOWN}",
        f"{KNOWN}\n",
        str(KNOWN).replace("-", "_"),
        "\u0663" * 36,
    ],
)
def test_nothing_else_is_one(request_type: type[Any], text: str) -> None:
    rule = RULES[request_type.DESCRIPTOR.full_name]["request_id"]
    assert rule.check(text)
    assert not rule.check(str(KNOWN))
    assert not rule.check(str(KNOWN).upper())
