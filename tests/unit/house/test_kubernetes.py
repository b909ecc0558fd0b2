"""The manifests for Kubernetes confine the daemon as the unit does, and configure it as it allows.

They are what the chart makes: `packaging/run kubernetes` compares, and has kubeconform and helm read them.
"""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from nvmed import checks, config
from nvmed.__main__ import main
from nvmed.firmware.staging import COMMIT_TIMEOUT_MS
from nvmed.security import dev_ca, tls
from nvmed.security.bindings import make_policy

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = [one for one in yaml.safe_load_all((ROOT / "packaging/kubernetes/nvmed.yaml").read_text()) if one]
GIB = 1 << 30


def of_kind(kind: str) -> Mapping[str, Any]:
    (found,) = (one for one in DOCUMENTS if one["kind"] == kind)
    return dict(found)


POD = of_kind("DaemonSet")["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
TEXT = of_kind("ConfigMap")["data"]["nvmed.toml"]
MOUNTS = {mount["name"]: mount for mount in CONTAINER["volumeMounts"]}
HOST_PATHS = {one["name"]: one["hostPath"]["path"] for one in POD["volumes"] if "hostPath" in one}


def unit() -> dict[str, list[str]]:
    """What the unit says, by setting."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "systemd/nvmed.service").read_text().splitlines():
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def test_the_process_has_the_capabilities_of_the_unit_and_gains_none() -> None:
    (bounding,) = unit()["CapabilityBoundingSet"]
    allowed = "".join(f",+{name.removeprefix('CAP_').lower()}" for name in bounding.split())
    assert CONTAINER["command"] == [
        "setpriv", f"--bounding-set=-all{allowed}", "--inh-caps=-all", "--no-new-privs", "--", "nvmed",
    ]  # fmt: skip
    assert unit()["NoNewPrivileges"] == ["yes"]
    assert CONTAINER["securityContext"] == {
        "privileged": True, "readOnlyRootFilesystem": True, "runAsUser": 0, "runAsGroup": 0,
    }  # fmt: skip
    assert POD["hostUsers"] is True


def test_it_writes_where_the_unit_lets_it_and_keeps_its_state_in_the_same_place() -> None:
    state = f"/var/lib/{unit()['StateDirectory'][0]}"
    run = f"/run/{unit()['RuntimeDirectory'][0]}"
    assert {path for name, path in HOST_PATHS.items() if not MOUNTS[name].get("readOnly")} == {state, run}
    assert {HOST_PATHS[name]: MOUNTS[name]["mountPath"] for name in HOST_PATHS} == {
        state: state, run: run, "/dev": "/host/dev", "/sys": "/host/sys", "/etc/machine-id": "/etc/machine-id",
    }  # fmt: skip


def test_a_stop_waits_as_long_and_memory_has_the_same_wall() -> None:
    assert POD["terminationGracePeriodSeconds"] == int(unit()["TimeoutStopSec"][0]) > COMMIT_TIMEOUT_MS / 1000
    assert CONTAINER["livenessProbe"]["terminationGracePeriodSeconds"] == int(unit()["TimeoutAbortSec"][0])
    assert (CONTAINER["resources"]["limits"]["memory"], unit()["MemoryMax"]) == ("2Gi", ["2G"])


def test_the_chart_is_of_this_version() -> None:
    chart = yaml.safe_load((ROOT / "packaging/kubernetes/nvmed/Chart.yaml").read_text())
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert (chart["version"], chart["appVersion"], CONTAINER["image"]) == (version, version, f"nvmed:{version}")


def test_old_and_new_never_share_the_state() -> None:
    strategy = of_kind("DaemonSet")["spec"]["updateStrategy"]["rollingUpdate"]
    assert (strategy["maxUnavailable"], strategy["maxSurge"]) == (1, 0)


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_probes_are_commands_that_the_image_has(probe: str) -> None:
    program, *arguments = CONTAINER[probe]["exec"]["command"]
    assert program == "nvmed"
    shown = CliRunner().invoke(main, [*arguments, "--help"])
    assert (shown.exit_code, "unix socket" in shown.output) == (0, True)


def test_the_daemon_takes_the_configuration_and_its_policy() -> None:
    loaded = config.parse(TEXT, "nvmed.yaml")
    policy = make_policy(loaded, "nvmed.yaml")
    assert policy.etag
    assert loaded.state_dir == MOUNTS["state"]["mountPath"]
    assert (loaded.host.dev_root, loaded.host.sysfs_root) == (MOUNTS["dev"]["mountPath"], MOUNTS["sys"]["mountPath"])
    assert [unix.path for unix in loaded.listen.unix] == ["/run/nvmed/admin.sock"]
    files = {source["path"] for one in sources() for source in one.get("secret", {}).get("items", ())}
    (listener,) = loaded.listen.tls
    assert {listener.certificate, listener.key, listener.client_ca} == {f"/etc/nvmed/{name}" for name in files}


def sources() -> list[Mapping[str, Any]]:
    (volume,) = (one["projected"] for one in POD["volumes"] if one["name"] == "config")
    assert volume["defaultMode"] == 0o400
    return list(volume["sources"])


def project(folder: Path, turn: int, files: Mapping[str, bytes], mode: int) -> None:
    """Fill `folder` as kubelet does a projected volume: a link to a link to what is the same for all files at once."""
    behind = folder / f"..2026_{turn}"
    behind.mkdir(mode=0o755)
    for name, data in files.items():
        path = behind / name
        path.write_bytes(data)
        path.chmod(mode)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    (folder / "..data_tmp").symlink_to(behind.name)
    (folder / "..data_tmp").rename(folder / "..data")


@pytest.mark.parametrize(("mode", "trusted"), [(0o1777, True), (0o777, False)], ids=["projected", "configmap"])
def test_what_kubelet_projects_is_trusted_and_renewed_certificates_are_seen(
    tmp_path: Path, mode: int, trusted: bool
) -> None:
    """A projected volume is sticky, as memory is by default; that of a ConfigMap alone is not, and is refused."""
    volume = tmp_path / "nvmed"
    volume.mkdir()
    volume.chmod(mode)

    def files(turn: int) -> dict[str, bytes]:
        made = tmp_path / f"ca{turn}"
        dev_ca.prepare(made, ["nvmed.nvmed.svc"], [])
        text = TEXT.replace("/etc/nvmed/", f"{volume}/").replace('"/run/nvmed', f'"{tmp_path}').replace("/host", "")
        text = text.replace("/var/lib/nvmed", str(tmp_path / "state"))
        names = {"tls.crt": "server.pem", "tls.key": "server.key", "ca.crt": "ca.pem"}
        return {"nvmed.toml": text.encode(), **{name: (made / of).read_bytes() for name, of in names.items()}}

    project(volume, 1, files(1), 0o400)
    assert stat.S_IMODE(volume.stat().st_mode) == mode
    if not trusted:
        said = CliRunner().invoke(main, ["check-config", str(volume / "nvmed.toml")])
        assert (said.exit_code, "others may write" in said.output) == (1, True)
        return
    loaded = config.load(volume / "nvmed.toml")
    checks.check(loaded, "nvmed.toml")
    before, material = tls.signature(loaded.listen.tls[0]), tls.load(loaded.listen.tls[0])
    project(volume, 2, files(2), 0o400)
    assert tls.signature(loaded.listen.tls[0]) != before
    assert tls.load(loaded.listen.tls[0]).fingerprint != material.fingerprint
