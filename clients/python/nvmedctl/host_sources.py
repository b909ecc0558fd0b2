"""Where `nvmedctl.hosts` reads from: files, executables and Ansible, all as one shape of tables.

Ansible's own JSON (`ansible-inventory --list`, and what every dynamic inventory of Ansible prints) is known by its
`_meta`. A host's variables say `nvmed_address`, or `nvmed_port` beside `ansible_host`; `nvmed_labels`; and
`nvmed_tls_ca`, `nvmed_tls_certificate`, `nvmed_tls_key`, `nvmed_tls_server_name`. The variable `nvmed_failure_domain`
of any host names the labels of the failure domain. Its groups are groups here, to select by.
"""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any

from nvmed.reasons import invalid_field

BYTES_MAX = 64 << 20
"""Of a file of hosts, or of what an executable prints."""

EXECUTABLE_TIMEOUT_S = 120

ANSIBLE = "ansible:"
"""Before an inventory that `ansible-inventory` is to read."""

TLS_VARIABLES = ("ca", "certificate", "key", "server_name")


def read(source: str) -> tuple[Mapping[str, Any], Path]:
    """The tables that `source` gives, and the folder that paths in it are relative to."""
    if source.startswith(ANSIBLE):
        inventory = Path(source.removeprefix(ANSIBLE))
        text = _output([*("ansible-inventory", "--list"), "-i", str(inventory)], source)
        return _tables(_json(text, source)), _folder(inventory)
    path = Path(source)
    if path.suffix not in READERS and os.access(path, os.X_OK) and path.is_file():
        return _tables(_json(_output([str(path.absolute())], source), source)), _folder(path)
    if path.suffix not in READERS:
        raise invalid_field("hosts", f"{source} is no executable and does not end in {', '.join(READERS)}.")
    if path.stat().st_size > BYTES_MAX:
        raise invalid_field("hosts", f"{source} has more than {BYTES_MAX >> 20} MiB.")
    return _tables(READERS[path.suffix](path.read_text(), source)), _folder(path)


def _folder(path: Path) -> Path:
    absolute = path.absolute()
    return absolute if absolute.is_dir() else absolute.parent


def _tables(content: Any) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        raise invalid_field("hosts", "the outermost must be a table with `hosts`.")
    return _of_ansible(content) if "_meta" in content else content


def _output(command: list[str], source: str) -> str:
    """What a command prints; INVALID_FIELD with its last words if it fails."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=EXECUTABLE_TIMEOUT_S, check=False
        )
    except FileNotFoundError as failure:
        raise invalid_field("hosts", f"{source}: there is no {command[0]} on this machine.") from failure
    except subprocess.TimeoutExpired as failure:
        raise invalid_field("hosts", f"{source} did not end within {EXECUTABLE_TIMEOUT_S} s.") from failure
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise invalid_field("hosts", f"{source} failed with {done.returncode}: {words[0][:500]}")
    if len(done.stdout) > BYTES_MAX:
        raise invalid_field("hosts", f"{source} printed more than {BYTES_MAX >> 20} MiB.")
    return done.stdout.decode(errors="replace")


def _toml(text: str, source: str) -> Any:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as failure:
        raise invalid_field("hosts", f"{source} is no TOML: {failure}.") from failure


def _json(text: str, source: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as failure:
        raise invalid_field("hosts", f"{source} is no JSON: {failure}.") from failure


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(
            "a name is there twice: " + next(k for k in found if sum(k == other for other, _ in pairs) > 1)
        )
    return found


def _yaml(text: str, source: str) -> Any:
    try:
        import yaml
    except ImportError as failure:
        raise invalid_field("hosts", f"{source}: YAML needs PyYAML, which the extra nvmed[fleet] brings.") from failure

    class Loader(yaml.SafeLoader):
        """Refuses a name that is there twice, of which PyYAML takes the last, and aliases, which grow without end."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("aliases (*name) are not read; use groups")
            return super().compose_node(parent, index)

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
            keys = [self.construct_object(key) for key, _ in node.value]
            if len(set(map(str, keys))) != len(keys):
                raise yaml.YAMLError(f"a name is there twice, {str(node.start_mark).strip()}")
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(text, Loader)  # noqa: S506  # a SafeLoader
    except (yaml.YAMLError, RecursionError, ValueError) as failure:
        raise invalid_field("hosts", f"{source} is no YAML that is read here: {failure}") from failure


READERS: Mapping[str, Callable[[str, str], Any]] = {".toml": _toml, ".yaml": _yaml, ".yml": _yaml, ".json": _json}
"""How files are read, by their suffix."""


def _of_ansible(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Our tables of Ansible's: `_meta.hostvars`, and groups with `hosts` and `children`."""
    groups = {name: entry for name, entry in content.items() if name != "_meta" and isinstance(entry, Mapping)}
    meta = content["_meta"]
    variables = meta.get("hostvars", {}) if isinstance(meta, Mapping) else {}
    if not isinstance(variables, Mapping):
        raise invalid_field("hosts", "_meta.hostvars must be a table.")
    members: dict[str, set[str]] = {name: _members(name, groups, frozenset()) for name in groups}
    names = sorted(set(variables) | {host for found in members.values() for host in found})
    domain: Any = next((own["nvmed_failure_domain"] for own in variables.values() if "nvmed_failure_domain" in own), [])
    hosts = {
        name: {
            **_ansible_host(name, variables.get(name, {})),
            "groups": [
                group for group in sorted(members) if name in members[group] and group not in ("all", "ungrouped")
            ],
        }
        for name in names
    }
    return {"failure_domain": domain, "groups": {name: {} for name in groups}, "hosts": hosts}


def _members(name: str, groups: Mapping[str, Any], above: frozenset[str]) -> set[str]:
    group = groups.get(name, {})
    if name in above:
        raise invalid_field("hosts", f"the group {name} contains itself.")
    found = set(group.get("hosts", ()))
    for child in group.get("children", ()):
        found |= _members(child, groups, above | {name})
    return found


def _ansible_host(name: str, own: Mapping[str, Any]) -> dict[str, Any]:
    tls = {key: own[f"nvmed_tls_{key}"] for key in TLS_VARIABLES if f"nvmed_tls_{key}" in own}
    address = own.get("nvmed_address")
    if address is None and "nvmed_port" in own:
        address = f"{own.get('ansible_host', name)}:{own['nvmed_port']}"
    entry = {"address": address, "labels": own.get("nvmed_labels"), "tls": tls or None}
    return {key: value for key, value in entry.items() if value is not None}
