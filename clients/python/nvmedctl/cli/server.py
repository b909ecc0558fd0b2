"""nvmedctl server: the daemon itself."""

from __future__ import annotations

import click

from nvmedctl.cli import pb, render
from nvmedctl.cli.command import command
from nvmedctl.cli.session import Session
from nvmedctl.cli.tables import Column, Columns, table
from nvmedctl.cli.text import quantity


@click.group()
def server() -> None:
    """The daemon itself."""


@command(server, "info", lists=True)
async def info(session: Session) -> None:
    """Show version, host, features and, with -o wide, limits of the daemon.  JSON: nvmed.v1.ServerInfo."""
    found = await session.client.admin.GetServerInfo(pb.admin.GetServerInfoRequest())
    session.show(found, lambda: view(found, session.output), (INFO, [found]))


LIMITS: Columns[tuple[str, int]] = (
    Column("LIMIT", lambda limit: limit[0]),
    Column("VALUE", lambda limit: quantity(*limit)),
)


def view(found: pb.admin.ServerInfo, output: str) -> str:
    """What people look for; the limits, which are many, for who asks for everything."""
    about = render.details(found, without="limits")
    if output != "wide":
        return f"{about}\n{len(found.limits)} limits: -o wide shows them"
    return f"{about}\n\n{table(LIMITS, sorted(found.limits.items()))}"


INFO: Columns[pb.admin.ServerInfo] = (
    Column("VERSION", lambda i: i.version),
    Column("API", lambda i: ", ".join(i.api_versions)),
    Column("KERNEL", lambda i: i.kernel_release),
    Column("SIMULATED", lambda i: "yes" if i.simulated else "no"),
    Column("PRINCIPAL", lambda i: i.principal),
    Column("HOST NAME", lambda i: i.host_name, wide=True),
    Column("HOST NQN", lambda i: i.host_nqn, wide=True),
    Column("FEATURES", lambda i: ", ".join(i.features), wide=True),
)

ROLES: Columns[pb.admin.Policy.Role] = (
    Column("ROLE", lambda r: r.name),
    Column("FROM", lambda r: "nvmed" if r.shipped else "configuration"),
    Column("PERMISSIONS", lambda r: " ".join(r.permissions)),
)
BINDINGS: Columns[pb.admin.Policy.Binding] = (
    Column("BINDING", lambda b: b.name),
    Column("PRINCIPALS", lambda b: " ".join(b.principals)),
    Column("ROLES", lambda b: " ".join(b.roles)),
    Column("RESOURCES", lambda b: " ".join(b.resources)),
)


@command(server, "policy")
async def policy(session: Session) -> None:
    """Show who may do what.  JSON: nvmed.v1.Policy."""
    found = await session.client.admin.GetPolicy(pb.admin.GetPolicyRequest())

    def view() -> str:
        blocked = [f"blocked: {' '.join(found.blocked)}"] if found.blocked else []
        return "\n\n".join([table(BINDINGS, found.bindings), table(ROLES, found.roles), *blocked])

    session.show(found, view)


@command(server, "test-permission")
@click.argument("permission")
@click.option("--resource", default="", metavar="NAME", help="Resource name or device node.  [default: the host]")
@click.option(
    "--principal",
    "principals",
    multiple=True,
    metavar="IDENTITY",
    help="Ask about another caller: uri:..., dns:..., unix:... Repeat for all that its certificate proves.",
)
async def test_permission(session: Session, permission: str, resource: str, principals: tuple[str, ...]) -> None:
    """Say whether a caller may do something, and why; nothing is tried. Exits with 0 whatever the answer is.

    PERMISSION is a permission such as firmware.stage, or a method such as nvmed.v1.FirmwareService/StageFirmware.

    JSON: nvmed.v1.TestPermissionResponse.
    """
    asked = {"method" if "/" in permission else "permission": permission}
    request = pb.admin.TestPermissionRequest(principals=principals, resource=resource, **asked)
    found = await session.client.admin.TestPermission(request)
    session.show(found, lambda: f"{'allowed' if found.allowed else 'denied'}: {found.explanation}")
