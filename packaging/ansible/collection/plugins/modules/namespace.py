#!/usr/bin/python
# Apache License 2.0, see https://www.apache.org/licenses/LICENSE-2.0

"""The module `namespace`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: namespace
short_description: Create, attach, detach and delete a namespace of an NVMe drive
description:
  - Namespaces have no names but their numbers, which drives give. So a namespace is known by its number here, and one
    that a drive gave another number fails the module, as the next run would make one more.
version_added: 0.2.0
author: The nvmed authors (@nvmed)
extends_documentation_fragment: nvmed.nvmed.nvmedctl
options:
  controller:
    description: Resource name or device node of the controller that is asked.
    type: str
    required: true
  nsid:
    description: Number of the namespace.
    type: int
    required: true
  state:
    description:
      - V(attached) also creates it, and V(detached) leaves its data. V(absent) deletes it with its data.
    type: str
    choices: [attached, detached, absent]
    default: attached
  size:
    description: Size of one that is to be created, such as V(100GiB). One that is there is not made larger.
    type: str
  block_size:
    description: Size of its logical blocks, such as V(4096).
    type: str
  controller_ids:
    description: Controllers of the subsystem that it is attached to; without it, the one that is asked.
    type: list
    elements: int
  acknowledge_data_loss:
    description: What V(absent) deletes is lost, and that is fine.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description:
      - The daemon checks the first step (C(validate_only)). Attaching one that is not there yet cannot be asked for.
"""

EXAMPLES = r"""
- name: One namespace of 100 GiB
  nvmed.nvmed.namespace:
    controller: nvme0
    nsid: 1
    size: 100GiB
    block_size: "4096"
"""

RETURN = r"""
actions:
  description: What was done, or would be, of V(create), V(attach), V(detach) and V(delete).
  returned: always
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.nvmed.nvmed.plugins.module_utils.nvmedctl import CONNECTION, TOGETHER, Nvmedctl


class Change:
    """What is done to one namespace; `actions` is what was."""

    def __init__(self, module, nvmedctl):
        self.given = module.params
        self.dry = ["--dry-run"] if module.check_mode else []
        self.nvmedctl = nvmedctl
        self.actions = []
        nvmedctl.done["actions"] = self.actions

    def make(self):
        """Bring the namespace to the state."""
        controller, nsid, state = (self.given[name] for name in ("controller", "nsid", "state"))
        allocated = self.nvmedctl.run("namespaces", "allocated", controller)["namespaces"]
        found = next((one for one in allocated if one["nsid"] == nsid), None)
        if state == "absent":
            if found:
                words = ["--acknowledge-data-loss"] if self.given["acknowledge_data_loss"] else []
                self._do("delete", controller, nsid, *words)
            return
        attached = set(found["controller_ids"]) if found else set()
        ids = set(self.given["controller_ids"] or self._own_id(controller))
        if found is None:
            self._create(controller, nsid)
            if self.dry and state == "attached":
                self._acted("attach")  # there is none to ask about
                return
        if state == "attached" and ids - attached:
            self._do("attach", controller, nsid, "--controller-ids", _listed(ids - attached))
        elif state == "detached" and attached and ids & attached:
            self._do("detach", controller, nsid, "--controller-ids", _listed(ids & attached))

    def _create(self, controller, nsid):
        if not self.given["size"]:
            self.nvmedctl.fail("%s has no namespace %s: give size to create it" % (controller, nsid))
        words = ["--size", self.given["size"]]
        if self.given["block_size"]:
            words += ["--block-size", self.given["block_size"]]
        made = self._do("create", controller, *words)
        if not self.dry and made["nsid"] != nsid:
            sentence = "the drive made namespace %s and not %s: name that one, or delete it"
            self.nvmedctl.fail(sentence % (made["nsid"], nsid))

    def _own_id(self, controller):
        return [self.nvmedctl.run("controllers", "show", controller)["controller_id"]]

    def _do(self, action, *words):
        answer = self.nvmedctl.run("namespaces", action, *words, *self.dry)
        self._acted(action)
        return answer

    def _acted(self, action):
        self.actions.append(action)
        self.nvmedctl.done["changed"] = True


def _listed(ids):
    return ",".join(str(one) for one in sorted(ids))


def main():
    """Change one namespace."""
    module = AnsibleModule(
        dict(
            CONNECTION,
            controller={"type": "str", "required": True},
            nsid={"type": "int", "required": True},
            state={"type": "str", "choices": ["attached", "detached", "absent"], "default": "attached"},
            size={"type": "str"},
            block_size={"type": "str"},
            controller_ids={"type": "list", "elements": "int"},
            acknowledge_data_loss={"type": "bool", "default": False},
        ),
        required_together=TOGETHER,
        supports_check_mode=True,
    )
    nvmedctl = Nvmedctl(module)
    Change(module, nvmedctl).make()
    nvmedctl.exit()


if __name__ == "__main__":
    main()
