"""Files of hosts: the same hosts from every kind of source, and what is wrong said by name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from nvmedctl import hosts, selectors
from nvmedctl.address import Tls
from nvmedctl.cli.many import trace_of

from nvmed.errors import InvalidArgument

CONTENT: dict[str, Any] = {
    "failure_domain": ["rack", "chassis"],
    "defaults": {"port": 8443, "labels": {"site": "fra"}, "tls": {"ca": "pki/ca.pem"}},
    "groups": {
        "r7": {"labels": {"rack": "r7", "chassis": "c1"}},
        "canary": {"labels": {"chassis": "c2", "first": True}, "tls": {"ca": "other.pem", "server_name": "nvmed"}},
    },
    "hosts": {
        "node1": {"groups": ["r7"]},
        "node2": {"groups": ["r7", "canary"], "labels": {"site": "ams"}, "address": "10.0.0.2:1"},
        "local": {"address": "unix:/run/nvmed/nvmed.sock"},
    },
}

TOML = """
failure_domain = ["rack", "chassis"]
[defaults]
port = 8443
labels = { site = "fra" }
tls = { ca = "pki/ca.pem" }
[groups.r7]
labels = { rack = "r7", chassis = "c1" }
[groups.canary]
labels = { chassis = "c2", first = true }
tls = { ca = "other.pem", server_name = "nvmed" }
[hosts.node1]
groups = ["r7"]
[hosts.node2]
groups = ["r7", "canary"]
labels = { site = "ams" }
address = "10.0.0.2:1"
[hosts.local]
address = "unix:/run/nvmed/nvmed.sock"
"""


def parsed(content: Mapping[str, Any]) -> hosts.Inventory:
    return hosts.parse(content, "hosts", Path("/etc"))


def executable(path: Path, printed: str, code: int = 0) -> Path:
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{printed}\nEND\necho told >&2\nexit {code}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("kind", ["toml", "yaml", "json", "executable"])
def test_every_kind_of_source_gives_the_same_hosts(tmp_path: Path, kind: str) -> None:
    texts = {"toml": TOML, "yaml": yaml.safe_dump(CONTENT), "json": json.dumps(CONTENT)}
    path = tmp_path / f"hosts.{kind}"
    if kind == "executable":
        path = executable(tmp_path / "hosts", json.dumps(CONTENT))
    else:
        path.write_text(texts[kind])
    assert hosts.load(str(path)) == hosts.parse(CONTENT, str(path), tmp_path)


def test_what_a_host_says_goes_before_groups_and_these_before_the_defaults() -> None:
    by_name = {host.name: host for host in parsed(CONTENT).hosts}
    assert list(by_name) == ["local", "node1", "node2"]
    assert by_name["node1"] == hosts.Host(
        "node1",
        "node1:8443",
        "r7/c1",
        {"site": "fra", "rack": "r7", "chassis": "c1"},
        ("r7",),
        Tls(Path("/etc/pki/ca.pem")),
    )
    assert by_name["node2"] == hosts.Host(
        "node2",
        "10.0.0.2:1",
        "r7/c2",
        {"site": "ams", "rack": "r7", "chassis": "c2", "first": "true"},
        ("r7", "canary"),
        Tls(Path("/etc/other.pem"), server_name="nvmed"),
    )
    # without the labels it shares a domain with nobody, and a socket takes no TLS
    assert (by_name["local"].domain, by_name["local"].tls) == ("host local", None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hosts": {}}, "0 hosts"),
        ({"hosts": []}, "must be a table"),
        ({"host": {}}, "host: is unknown"),
        ({"hosts": {"a/b": {"address": "/s"}}}, "no name of a host"),
        ({"hosts": {"..": {"address": "/s"}}}, "no name of a host"),
        ({"hosts": {"a": {}}}, "lacks an address"),
        ({"hosts": {"a": {"address": "nowhere"}}}, "hosts.a.address"),
        ({"hosts": {"a": {"address": "10.0.0.1:1"}}}, "needs TLS"),
        ({"hosts": {"a": {"address": "/s", "rack": "r"}}}, "hosts.a.rack: is unknown"),
        ({"hosts": {"a": {"address": "/s", "groups": ["g"]}}}, "no group 'g'"),
        ({"hosts": {"a": {"address": "/s", "groups": "g"}}}, "list of texts"),
        ({"hosts": {"a": {"port": 0}}}, "hosts.a.port"),
        ({"hosts": {"a": {"port": True}}}, "hosts.a.port"),
        ({"hosts": {"a": {"address": "/s", "labels": {"name": "x"}}}}, "no name of a label"),
        ({"hosts": {"a": {"address": "/s", "labels": {"x": []}}}}, "hosts.a.labels.x"),
        ({"hosts": {"a": {"address": "/s", "tls": {"certificate": "c"}}}}, "lacks `ca`"),
        ({"hosts": {"a": {"address": "127.0.0.1:1", "tls": {"ca": "c", "key": "k"}}}}, "needs its key"),
        ({"hosts": {"a": {"address": "/s"}, "b": {"address": "/s"}}}, "has the address of a"),
        ({"failure_domain": 7, "hosts": {"a": {"address": "/s"}}}, "failure_domain"),
    ],
)
def test_what_is_wrong_is_named(change: Mapping[str, Any], said: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        parsed(change)
    assert said in raised.value.message
    assert raised.value.reason == "INVALID_FIELD"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("hosts.toml", "[hosts.a]\n[hosts.a]\n", "no TOML"),
        ("hosts.json", '{"hosts": {"a": {}, "a": {}}}', "there twice: a"),
        ("hosts.json", "[" * 100_000, "no JSON"),
        ("hosts.json", "[]", "outermost"),
        ("hosts.yaml", "hosts:\n  a: {}\n  a: {}\n", "there twice"),
        ("hosts.yaml", "hosts: &x {}\ngroups: *x\n", "aliases"),
        ("hosts.yaml", "!!python/object/apply:os.system [true]", "no YAML"),
        ("hosts.txt", "a", "is no executable and does not end in"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidArgument, match=said):
        hosts.load(str(tmp_path / name))


def test_an_executable_that_fails_has_the_last_word(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="failed with 3: told"):
        hosts.load(str(executable(tmp_path / "hosts", "{}", code=3)))


def test_ansibles_own_json_is_read(tmp_path: Path) -> None:
    content = {
        "_meta": {
            "hostvars": {
                "n1": {"ansible_host": "10.1.0.1", "nvmed_port": 8443, "nvmed_tls_ca": "ca.pem"},
                "n2": {"nvmed_address": "/n2.sock", "nvmed_labels": {"rack": "r2"}, "nvmed_failure_domain": "rack"},
            }
        },
        "all": {"children": ["ungrouped", "storage"]},
        "storage": {"children": ["west"], "hosts": ["n2"]},
        "west": {"hosts": ["n1"]},
    }
    found = hosts.load(str(executable(tmp_path / "inventory", json.dumps(content)))).hosts
    assert [(host.name, host.address, host.groups, host.domain) for host in found] == [
        ("n1", "10.1.0.1:8443", ("storage", "west"), "host n1"),
        ("n2", "/n2.sock", ("storage",), "r2"),
    ]
    assert found[0].tls == Tls(tmp_path / "ca.pem")


def test_a_group_of_ansible_that_contains_itself(tmp_path: Path) -> None:
    content = {"_meta": {"hostvars": {}}, "a": {"children": ["b"]}, "b": {"children": ["a"]}}
    with pytest.raises(InvalidArgument, match="contains itself"):
        hosts.load(str(executable(tmp_path / "inventory", json.dumps(content))))


@pytest.mark.skipif(shutil.which("ansible-inventory") is not None, reason="ansible is installed here")
def test_ansible_that_is_not_there() -> None:
    with pytest.raises(InvalidArgument, match="no ansible-inventory on this machine"):
        hosts.load("ansible:hosts.ini")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("", ["local", "node1", "node2"]),
        ("rack=r7", ["node1", "node2"]),
        ("rack = r7 and chassis != c1", ["node2"]),
        ('site ~ "a.*" or name = local', ["local", "node2"]),
        ("group = canary", ["node2"]),
        ("group != canary", ["local", "node1"]),
        ("not (rack = r7)", ["local"]),
        ('rack = ""', ["local"]),
        ("domain ~ r7/.*", ["node1", "node2"]),
        ("name = node1 or name = node2 and site = ams", ["node1", "node2"]),
        ("name !~ node.", ["local"]),
    ],
)
def test_selectors(expression: str, expected: list[str]) -> None:
    assert [host.name for host in parsed(CONTENT).select(expression).hosts] == expected


@pytest.mark.parametrize(
    "expression",
    [
        "rack",
        "rack =",
        "= r7",
        "rack = r7 node",
        "(rack = r7",
        "rack ~ (",
        'rack = "',
        "rack = r7 and",
        "x == y",
        "not ",
    ],
)
def test_selectors_that_cannot_be_read(expression: str) -> None:
    with pytest.raises(InvalidArgument, match="select"):
        selectors.parse(expression)


def test_a_selector_that_selects_nothing_is_an_error() -> None:
    with pytest.raises(InvalidArgument, match="selects none of 3 hosts"):
        parsed(CONTENT).select("rack = r9")


def test_a_host_that_is_in_no_file() -> None:
    with pytest.raises(InvalidArgument, match="node9 is in no host file"):
        parsed(CONTENT).named(["node1", "node9"])


@given(st.text(alphabet='ab=~!()" \\*[', max_size=40) | st.text(max_size=40))
def test_any_text_is_a_selector_or_refused(text: str) -> None:
    try:
        selector = selectors.parse(text)
    except InvalidArgument:
        return
    assert selector(lambda key: ()) in (True, False)


def test_deep_selectors_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="nested"):
        selectors.parse("(" * 500 + "a=b" + ")" * 500)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["n1", "n2", "n3", "n7", "db"], "db, n[1-3,7]"),
        (["n01", "n02", "n1"], "n[1,01-02]"),
        (["r1-a", "r2-a", "r2-b"], "r[1-2]-a, r2-b"),
        ([], ""),
        (["h9", "h10"], "h[9,10]"),
    ],
)
def test_ranges_of_names(names: list[str], expected: str) -> None:
    assert hosts.ranges(names) == expected


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("node[1-3,7], db1", ["node1", "node2", "node3", "node7", "db1"]),
        ("r7-[08-10]", ["r7-08", "r7-09", "r7-10"]),
        ("[::1]:8443", ["[::1]:8443"]),
        ("r[1-2]-[1-2]", ["r1-1", "r1-2", "r2-1", "r2-2"]),
        ("a", ["a"]),
        ("", []),
    ],
)
def test_ranges_can_be_typed(text: str, names: list[str]) -> None:
    assert hosts.expand(text) == names


@given(st.lists(st.from_regex(hosts.NAME, fullmatch=True).filter(lambda name: len(name) < 20), max_size=20))
def test_what_is_shown_as_a_range_can_be_typed_as_one(names: list[str]) -> None:
    assert sorted(hosts.expand(hosts.ranges(names))) == sorted(set(names))


@pytest.mark.parametrize("text", ["h[2-1]", "h[0-100000]", "h[1-9][1-99999]", "[0-999999999999999999]"])
def test_ranges_have_an_end(text: str) -> None:
    with pytest.raises(InvalidArgument, match="stands for no host, or for more than"):
        hosts.expand(text)


def test_the_trace_of_the_environment_goes_with_calls() -> None:
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert trace_of({}) == []
    assert trace_of({"TRACEPARENT": parent}) == [("traceparent", parent)]
    both = trace_of({"TRACEPARENT": parent, "TRACESTATE": "vendor=a1"})
    assert both == [("traceparent", parent), ("tracestate", "vendor=a1")]
    assert trace_of({"TRACESTATE": "vendor=a1"}) == [], "it belongs to a parent"
    assert trace_of({"TRACEPARENT": "two\nlines"}) == [], "gRPC would refuse the call"
