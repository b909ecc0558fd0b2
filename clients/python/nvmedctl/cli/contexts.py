"""Contexts: which daemon and how, by a name, in `~/.config/nvmed/config.toml`.

    [contexts.rack7]
    address = "storage-7.example.org:7443"
    ca = "/etc/nvmed/ca.pem"
    cert = "~/.config/nvmed/me.pem"
    key = "~/.config/nvmed/me.key"

    [defaults]
    output = "wide"

What is not given on the command line comes from an environment variable (NVMED_ and the option's name), then from the
context, then from `defaults`. A context's address and TLS files belong together: none of them is used for an address
that comes from elsewhere.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from nvmedctl.cli.render import FORMATS
from nvmedctl.cli.settings import Settings

PATHS: Final = ("ca", "cert", "key")
CONNECTION: Final = ("address", "server_name", *PATHS)
DEFAULTS: Final = ("output", "timeout")


def folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the configuration of this user is."""
    return Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config", "nvmed")


def current(environ: Mapping[str, str] = os.environ) -> str:
    """The context that is in use; "" for none."""
    chosen = folder(environ) / "context"
    return environ.get("NVMED_CONTEXT") or (chosen.read_text().strip() if chosen.exists() else "")


def use(name: str) -> None:
    """Use the context `name` from now on; none, for "". Raises UsageError if there is no such context."""
    if name:
        _known(name)
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder() / "context").write_text(f"{name}\n")


def contexts() -> Mapping[str, Mapping[str, Any]]:
    """Every context by its name."""
    found: Mapping[str, Mapping[str, Any]] = _read().get("contexts", {})
    return found


def completed(settings: Settings, environ: Mapping[str, str] = os.environ) -> Settings:
    """`settings` with what is not given on the command line."""
    given = {name: environ[f"NVMED_{name.upper()}"] for name in (*CONNECTION, *DEFAULTS) if _is_set(name, environ)}
    name = settings.context or ("" if settings.address or "address" in given else current(environ))
    configured = dict(_read().get("defaults", {}))
    if name:
        configured |= _known(name)
        given = {} if settings.context else given  # whoever names a context means that one
    wanted = {key: _value(key, value) for key, value in {**configured, **given}.items()}
    return replace(settings, **{key: value for key, value in wanted.items() if getattr(settings, key) is None})


def _is_set(name: str, environ: Mapping[str, str]) -> bool:
    return bool(environ.get(f"NVMED_{name.upper()}"))


def _known(name: str) -> Mapping[str, Any]:
    known = contexts()
    if name not in known:
        there = ", ".join(known) or "none"
        raise click.UsageError(f"There is no context {name!r} in {folder() / 'config.toml'}; there is {there}.")
    return known[name]


def _read() -> dict[str, Any]:
    """The file, checked; an empty one if there is none."""
    file = folder() / "config.toml"
    try:
        content = tomllib.loads(file.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as failure:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise click.UsageError(f"{file}: {failure}") from failure
    _check(file, "", content, {"contexts", "defaults"})
    _check(file, "defaults.", content.get("defaults", {}), set(DEFAULTS))
    named = content.get("contexts", {})
    _check(file, "contexts.", named, {*named} if isinstance(named, dict) else set())
    for name, context in named.items():
        _check(file, f"contexts.{name}.", context, {*CONNECTION, *DEFAULTS})
    return content


def _check(file: Path, where: str, table: object, allowed: set[str]) -> None:
    if not isinstance(table, Mapping):
        raise click.UsageError(f"{file}: {where.removesuffix('.')} must be a table.")
    for key in table:
        if key not in allowed:
            raise click.UsageError(f"{file}: {where}{key} is not known; there are {', '.join(sorted(allowed))}.")


def _value(name: str, value: Any) -> Any:
    """A value of the environment or the file, as its option has it; raises UsageError."""
    if name in PATHS:
        return Path(value).expanduser()
    if name == "timeout":
        try:
            return float(value)
        except ValueError:
            raise click.UsageError(f"timeout: {value!r} is no number of seconds.") from None
    if name == "output" and value not in FORMATS:
        raise click.UsageError(f"output: {value!r} is none of {', '.join(FORMATS)}.")
    return value
