"""The connections between one host and one subsystem: found, made anew with another key, reset, and waited for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeVar

from nvmed.devices.controller import Device
from nvmed.devices.inventory import Inventory
from nvmed.devices.lane import Lane
from nvmed.errors import GateViolation, NvmedError
from nvmed.linux.fabrics import ConnectionOptions, DhchapSecrets, Security
from nvmed.nvme.host import ControllerNode, is_same_device
from nvmed.reasons import Reason, error

CONNECT_TIMEOUT_MS: Final = 150_000
"""Authentication that fails takes the kernel 60 s, and a connection may try each of several queues."""

PATIENCE_S: Final = 60.0
"""How long a connection may take to be as wanted: the kernel tries every 10 s by default, and TLS takes up to 10."""

POLL_S: Final = 0.1
LIVE: Final = "live"

T = TypeVar("T")


class Fabrics(Protocol):
    """What a host does with its connections: `nvmed.linux.fabrics.LinuxFabrics`. Methods block."""

    def security(self, controller: ControllerNode) -> Security: ...

    def connect_like(self, controller: ControllerNode, tls_key: int, options: ConnectionOptions) -> str: ...

    def disconnect(self, controller: ControllerNode) -> None: ...

    def reset(self, controller: ControllerNode) -> None: ...

    def try_secrets(self, controller: ControllerNode, secrets: DhchapSecrets) -> None: ...

    def read_secrets(self, controller: ControllerNode) -> DhchapSecrets: ...

    def write_secrets(self, controller: ControllerNode, secrets: DhchapSecrets) -> None: ...


@dataclass(frozen=True, slots=True)
class Path:
    """One connection as it was when it was looked at."""

    device: Device
    node: ControllerNode
    security: Security

    @property
    def name(self) -> str:
        """`controllers/{controller}`."""
        return self.device.resource_name

    @property
    def is_live(self) -> bool:
        return self.node.state == LIVE

    @property
    def block_devices(self) -> frozenset[str]:
        """The nodes of the namespaces that it leads to: with multipath, those of the subsystem."""
        return frozenset(namespace.node or namespace.generic_node for namespace in self.node.namespaces)

    @property
    def named_key(self) -> int:
        """The serial that `tls_key=` named, 0 for a connection that looks its key up by default."""
        return self.security.tls_configured_key


class Paths:
    """Finds connections and changes them. `fabrics` is None where there is no kernel, and so no connection."""

    def __init__(self, inventory: Inventory, fabrics: Fabrics | None, *, patience_s: float = PATIENCE_S) -> None:
        self._inventory = inventory
        self._fabrics = fabrics
        self._patience_s = patience_s
        self._lane = Lane("fabrics", threads=4)

    def close(self) -> None:
        """End the threads that are idle."""
        self._lane.close()

    async def find(self, host_nqn: str, subsystem_nqn: str) -> tuple[Path, ...]:
        """Every connection there is now between the two, ordered by name."""
        return await self._look(lambda node: (node.host_nqn, node.subsystem_nqn) == (host_nqn, subsystem_nqn))

    async def pairs(self) -> frozenset[tuple[str, str]]:
        """Host and subsystem NQN of every connection there is now."""
        nodes = [device.node for device in await self._inventory.controllers()]
        return frozenset((node.host_nqn, node.subsystem_nqn) for node in nodes if node.host_nqn)

    async def using(self, serials: Iterable[int]) -> dict[int, tuple[str, ...]]:
        """The names of the connections, to whatever subsystem, that use or name each of these keys."""
        wanted = dict.fromkeys(serials)
        paths = await self._look(lambda node: node.transport == "tcp") if wanted else ()
        return {
            serial: tuple(path.name for path in paths if serial in (path.security.tls_key, path.named_key))
            for serial in wanted
        }

    async def reconnect(self, path: Path, tls_key: int, options: ConnectionOptions) -> Path:
        """A second connection like `path` with another key, once it uses that and leads to the same block devices.

        Raises what kept it from that, after taking it away again.
        """
        node = await self._run(lambda fabrics: fabrics.connect_like(path.node, tls_key, options))
        made = replace(path, device=(await self._inventory.find(node)).device)
        made = replace(made, node=made.device.node)
        try:
            return await self.settled(
                made, lambda now: now.security.tls_key == tls_key and now.block_devices >= path.block_devices
            )
        except NvmedError:
            await self.disconnect(made)
            raise

    async def disconnect(self, path: Path) -> None:
        """Take a connection away."""
        await self._run(lambda fabrics: fabrics.disconnect(path.node))

    async def reset(self, path: Path) -> None:
        """Let a connection be made anew, by the kernel."""
        await self._run(lambda fabrics: fabrics.reset(path.node))

    async def reset_or_wait(self, path: Path) -> None:
        """Reset a connection; where it is down, leave it to the kernel's own attempts to get it up."""
        try:
            await self.reset(await self.now(path))
        except NvmedError as failure:
            if failure.reason not in (Reason.DEVICE_GONE.name, Reason.DEVICE_BUSY.name):
                raise

    async def try_secrets(self, path: Path, secrets: DhchapSecrets) -> None:
        """Whether the subsystem takes these secrets, by a second connection that goes away again; or raises why not."""
        await self._run(lambda fabrics: fabrics.try_secrets(path.node, secrets))

    async def read_secrets(self, path: Path) -> DhchapSecrets:
        """What it authenticates with."""
        return await self._run(lambda fabrics: fabrics.read_secrets(path.node))

    async def write_secrets(self, path: Path, secrets: DhchapSecrets) -> None:
        """What it is to authenticate with."""
        await self._run(lambda fabrics: fabrics.write_secrets(path.node, secrets))

    async def now(self, path: Path) -> Path:
        """The same connection as it is now, or as it was if it is gone."""
        return await self._found(path) or path

    async def settled(self, path: Path, is_as_wanted: Callable[[Path], bool]) -> Path:
        """That connection once it is live and as wanted; raises CONNECTION_NOT_MADE if it does not get so.

        The kernel retries by itself, reads namespaces by itself, and says nothing when it is done.
        """
        until = time.monotonic() + self._patience_s
        while True:
            found = await self._found(path)
            if found is not None and found.is_live and is_as_wanted(found):
                return found
            if time.monotonic() >= until:
                raise _not_settled(path.name, found)
            await asyncio.sleep(POLL_S)

    async def _found(self, path: Path) -> Path | None:
        return next(iter(await self._look(lambda node: is_same_device(node, path.node))), None)

    async def _look(self, wanted: Callable[[ControllerNode], bool]) -> tuple[Path, ...]:
        found = []
        for device in await self._inventory.controllers():
            node = device.node
            if wanted(node):
                found.append(Path(device, node, await self._security(node)))
        return tuple(found)

    async def _security(self, node: ControllerNode) -> Security:
        """How a connection is secured; not at all if it goes away meanwhile, or is none."""
        if self._fabrics is None:
            return Security()
        try:
            return await self._run(lambda fabrics: fabrics.security(node))
        except NvmedError as failure:
            if failure.reason in (Reason.DEVICE_GONE.name, Reason.DEVICE_IDENTITY_CHANGED.name):
                return Security()
            raise

    async def _run(self, call: Callable[[Fabrics], T]) -> T:
        if self._fabrics is None:
            raise error(Reason.KERNEL_UNSUPPORTED, "there are no connections: the drives are simulated")
        fabrics = self._fabrics
        return await self._lane.run(lambda: call(fabrics), timeout_ms=CONNECT_TIMEOUT_MS)


def check_ready(
    paths: Sequence[Path], resets: Sequence[Path], *, acknowledged: bool, one_way: Sequence[Path] = ()
) -> None:
    """Raise GATE_FAILED unless all paths are live, and those to be reset are not alone, or that is acknowledged.

    `one_way` are those that must authenticate the controller too.
    """
    violations = [
        GateViolation("CONNECTION_LIVE", path.name, f"it is {path.node.state}; wait for it, or disconnect it")
        for path in paths
        if not path.is_live
    ]
    violations += [
        GateViolation(
            "DISRUPTION_ACKNOWLEDGED",
            path.name,
            "no other live connection leads to its namespaces, so I/O waits while it is reset: acknowledge_disruption",
        )
        for path in resets
        if not acknowledged and _is_alone(path, paths)
    ]
    violations += [
        GateViolation("AUTHENTICATED_BOTH_WAYS", path.name, "it has no secret of the controller; connect it with one")
        for path in one_way
        if not path.security.has_controller_secret
    ]
    if violations:
        raise error(
            Reason.GATE_FAILED,
            "; ".join(f"{one.subject}: {one.kind}: {one.description}" for one in violations),
            gates=violations,
            gate=violations[0].kind,
        )


def _is_alone(path: Path, paths: Sequence[Path]) -> bool:
    others = [other for other in paths if other.name != path.name and other.is_live]
    return any(all(device not in other.block_devices for other in others) for device in path.block_devices)


def _not_settled(name: str, found: Path | None) -> NvmedError:
    if found is None:
        what = "it is gone"
    elif not found.is_live:
        what = f"it is {found.node.state}"
    else:
        shown = ", ".join(sorted(found.block_devices)) or "no namespace"
        what = f"it is live with key {found.security.tls_key:#x}, and leads to {shown}"
    return error(
        Reason.CONNECTION_NOT_MADE, f"{name} did not become what it was to be: {what}", controller=name, found=what
    )
