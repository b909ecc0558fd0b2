"""Both Python clients have the same names: what one learns, the other is not forgotten for."""

from __future__ import annotations

import inspect

import nvmedctl
from nvmedctl import blocking
from nvmedctl.blocking import Client


def parameters(function: object) -> list[tuple[str, object, object]]:
    signature = inspect.signature(function)  # type: ignore[arg-type]
    return [(each.name, each.kind, each.default) for each in signature.parameters.values()]


def test_both_clients_have_the_same_names() -> None:
    asynchronous = {name: getattr(nvmedctl.Client, name) for name in dir(nvmedctl.Client) if name[0] != "_"}
    assert set(asynchronous) == {name for name in dir(Client) if name[0] != "_"}
    for name, method in {"__init__": nvmedctl.Client.__init__, **asynchronous}.items():
        assert parameters(method) == parameters(getattr(Client, name)), name
    assert parameters(nvmedctl.pages) == parameters(blocking.pages)
    assert inspect.get_annotations(nvmedctl.Client).keys() == inspect.get_annotations(Client).keys()
