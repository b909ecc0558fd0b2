"""`judge.py MANIFESTS...`: the configuration in each file's ConfigMap is one that nvmed takes, with all of its policy.

What a pod is confined by is compared with the systemd unit in tests/unit/house/test_kubernetes.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from nvmed import config
from nvmed.security.bindings import make_policy


def main() -> None:
    """Judge all of them."""
    for name in sys.argv[1:]:
        documents = [one for one in yaml.safe_load_all(Path(name).read_text()) if one]
        (text,) = (one["data"]["nvmed.toml"] for one in documents if one["kind"] == "ConfigMap")
        loaded = config.parse(text, name)
        make_policy(loaded, name)
        (pod,) = (one["spec"]["template"]["spec"] for one in documents if one["kind"] == "DaemonSet")
        ports = {port["containerPort"] for port in pod["containers"][0]["ports"]}
        listened = {config.host_and_port(tls.address) for _, tls in loaded.tls_listeners}
        assert ports == {address[1] for address in listened if address}, f"{name}: {ports} are not {listened}"
        print(f"{Path(name).name}: {len(loaded.policy.bindings)} bindings, ports {sorted(ports)}")


if __name__ == "__main__":
    main()
