"""The policy in force: roles that ship, and the configuration's roles, bindings and blocks, compiled for lookups."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

from nvmed import config
from nvmed.security.glob import Glob
from nvmed.security.patterns import ANYTHING, HOST, compiled, wrong_principal, wrong_resource
from nvmed.security.policy import PERMISSIONS, PUBLIC, ROLES
from nvmed.security.principal import Grant, Principal


@dataclass(frozen=True, slots=True)
class Binding:
    """A binding of the configuration; `name` says where it stands there."""

    name: str
    principals: tuple[str, ...]
    roles: tuple[str, ...]
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may do what. Immutable: a reload makes another, and every call that runs is checked against it."""

    roles: Mapping[str, frozenset[str]]
    bindings: tuple[Binding, ...]
    blocked: tuple[str, ...]
    etag: str
    """Changes whenever anything of it does."""

    _grants: tuple[tuple[tuple[Glob, ...], tuple[Grant, ...]], ...]
    _blocks: tuple[Glob, ...]

    def principal(self, identities: Sequence[str]) -> Principal:
        """Whoever proved all of `identities`, at least one, with what bindings give to any of them."""
        if any(_matches(self._blocks, identity) for identity in identities):
            return Principal(identities[0], identities=tuple(identities))
        grants = tuple(
            grant
            for patterns, given in self._grants
            if any(_matches(patterns, identity) for identity in identities)
            for grant in given
        )
        return Principal(identities[0], frozenset(grant.role for grant in grants), grants, tuple(identities))


def make_policy(configured: config.Config, source: str = "configuration") -> Policy:
    """The policy of a configuration; raises CONFIG_INVALID for roles, permissions and patterns that are wrong."""
    roles = _roles(configured.policy.roles, source)
    bindings = tuple(_bindings(configured))
    for binding in bindings:
        _check_binding(binding, roles, source)
    for index, pattern in enumerate(configured.policy.blocked):
        if wrong := wrong_principal(pattern):
            raise config.invalid(source, f"policy.blocked[{index}]", wrong)
    grants = tuple(
        (
            tuple(compiled(pattern) for pattern in binding.principals),
            tuple(_granted(binding, roles)),
        )
        for binding in bindings
    )
    plain = [{name: sorted(permissions) for name, permissions in sorted(roles.items())}, bindings]
    etag = hashlib.sha256(msgspec.json.encode([*plain, configured.policy.blocked])).hexdigest()[:16]
    blocks = tuple(compiled(pattern) for pattern in configured.policy.blocked)
    return Policy(MappingProxyType(roles), bindings, configured.policy.blocked, etag, grants, blocks)


def _granted(binding: Binding, roles: Mapping[str, frozenset[str]]) -> Iterable[Grant]:
    """What a binding gives: its roles over its resources, and whatever those are, what is public."""
    for role in binding.roles:
        yield Grant(binding.name, role, roles[role], tuple(compiled(pattern) for pattern in binding.resources))
    for role in binding.roles[:1]:
        yield Grant(binding.name, role, PUBLIC, (compiled(HOST),))


def _roles(own: Mapping[str, config.Role], source: str) -> dict[str, frozenset[str]]:
    for name, role in own.items():
        where = f"policy.roles.{name}"
        if name in ROLES:
            raise config.invalid(source, where, f"{name} is a role that ships; choose another name")
        for permission in role.permissions:
            if permission not in PERMISSIONS:
                known = ", ".join(sorted(PERMISSIONS))
                raise config.invalid(source, where, f"there is no permission {permission!r}; those there are: {known}")
    return {**ROLES, **{name: PUBLIC | frozenset(role.permissions) for name, role in own.items()}}


def _bindings(configured: config.Config) -> Iterable[Binding]:
    """The bindings of the listeners, then those of the policy."""
    for index, unix in enumerate(configured.listen.unix):
        if unix.roles:
            yield Binding(f"listen.unix[{index}]", (f"unix:{unix.principal}",), unix.roles, (ANYTHING,))
    loopback = configured.listen.insecure_loopback
    if loopback is not None and loopback.roles:
        yield Binding("listen.insecure_loopback", ("loopback",), loopback.roles, (ANYTHING,))
    for index, binding in enumerate(configured.policy.bindings):
        yield Binding(f"policy.bindings[{index}]", binding.principals, binding.roles, binding.resources)


def _check_binding(binding: Binding, roles: Mapping[str, object], source: str) -> None:
    wrong = next(filter(None, map(wrong_principal, binding.principals)), "")
    wrong = wrong or next(filter(None, map(wrong_resource, binding.resources)), "")
    for role in binding.roles:
        if role not in roles:
            wrong = wrong or f"there is no role {role!r}; those there are: {', '.join(sorted(roles))}"
    if wrong:
        raise config.invalid(source, binding.name, wrong)


def _matches(patterns: Iterable[Glob], text: str) -> bool:
    return any(pattern.fullmatch(text) for pattern in patterns)
