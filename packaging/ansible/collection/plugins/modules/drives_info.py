#!/usr/bin/python
# Apache License 2.0, see https://www.apache.org/licenses/LICENSE-2.0

"""The module `drives_info`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: drives_info
short_description: Ask nvmed about a host's NVMe drives
description:
  - Returns what nvmed knows of a host and its NVMe controllers, subsystems, namespaces and firmware slots.
version_added: 0.2.0
author: The nvmed authors (@nvmed)
extends_documentation_fragment: nvmed.nvmed.nvmedctl
options:
  gather:
    description: What is asked for.
    type: list
    elements: str
    choices: [server, controllers, subsystems, namespaces, firmware, smart]
    default: [server, controllers, namespaces]
attributes:
  check_mode:
    support: full
    description: Nothing is ever changed.
"""

EXAMPLES = r"""
- name: Ask for drives and their firmware
  nvmed.nvmed.drives_info:
    gather: [controllers, firmware]
  register: drives

- name: Show models
  ansible.builtin.debug:
    msg: "{{ drives.controllers | map(attribute='model_number') }}"
"""

RETURN = r"""
server:
  description: C(nvmed.v1.ServerInfo), as C(nvmedctl server info) prints it.
  returned: if it is in O(gather)
  type: dict
  sample: {version: 0.2.0, host_name: storage-7}
controllers:
  description: List of C(nvmed.v1.Controller).
  returned: if it is in O(gather)
  type: list
  elements: dict
  sample: [{name: controllers/s4cx-1, device_node: nvme0, firmware_revision: GDC7602Q}]
subsystems:
  description: List of C(nvmed.v1.Subsystem).
  returned: if it is in O(gather)
  type: list
  elements: dict
namespaces:
  description: List of C(nvmed.v1.Namespace).
  returned: if it is in O(gather)
  type: list
  elements: dict
firmware:
  description: C(nvmed.v1.FirmwareSlots) of each controller, by its name.
  returned: if it is in O(gather)
  type: dict
smart:
  description: C(nvmed.v1.SmartLog) of each controller, by its name.
  returned: if it is in O(gather)
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.nvmed.nvmed.plugins.module_utils.nvmedctl import CONNECTION, TOGETHER, Nvmedctl

LISTS = ("controllers", "subsystems", "namespaces")
OF_EACH = {"firmware": ("firmware", "slots"), "smart": ("logs", "smart")}


def main():
    """Ask for all that is to be gathered."""
    choices = ["server", *LISTS, *OF_EACH]
    module = AnsibleModule(
        dict(
            CONNECTION,
            gather={
                "type": "list",
                "elements": "str",
                "choices": choices,
                "default": ["server", "controllers", "namespaces"],
            },
        ),
        required_together=TOGETHER,
        supports_check_mode=True,
    )
    nvmedctl = Nvmedctl(module)
    wanted = module.params["gather"]
    found = {}
    if "server" in wanted:
        found["server"] = nvmedctl.run("server", "info")
    for name in LISTS:
        if name in wanted:
            found[name] = nvmedctl.run(name, "list")[name]
    if any(name in wanted for name in OF_EACH):
        controllers = found.get("controllers") or nvmedctl.run("controllers", "list")["controllers"]
        for name, words in OF_EACH.items():
            if name in wanted:
                found[name] = {one["name"]: nvmedctl.run(*words, one["name"]) for one in controllers}
    nvmedctl.exit(**found)


if __name__ == "__main__":
    main()
