#!/usr/bin/python
# Apache License 2.0, see https://www.apache.org/licenses/LICENSE-2.0

"""The module `firmware`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: firmware
short_description: Have NVMe drives run a firmware revision
description:
  - Brings each drive to a revision, one after another, and ends at the first that refuses.
  - A drive that runs the revision is left alone, and so is a slot that holds it. The image is uploaded once, and only
    if a drive needs it.
version_added: 0.2.0
author: The nvmed authors (@nvmed)
extends_documentation_fragment: nvmed.nvmed.nvmedctl
options:
  controllers:
    description: Resource names or device nodes.
    type: list
    elements: str
    required: true
  revision:
    description: The revision that should run, as the drive tells it.
    type: str
    required: true
  image:
    description: File of the image where the module runs. Not needed while every drive has the revision in a slot.
    type: path
  model:
    description: Model number that every drive must have.
    type: str
  from_revisions:
    description: Revisions that a drive may run before; others are refused. Empty for any.
    type: list
    elements: str
    default: []
  activation:
    description:
      - How the image becomes what runs. V(none) only stages it. V(on-next-reset) leaves the reset to somebody else.
    type: str
    choices: [controller-reset, subsystem-reset, immediate, on-next-reset, none]
    default: on-next-reset
  acknowledge_disruption:
    description: I/O may stop while the image is activated, and that is fine. All but V(on-next-reset) ask for it.
    type: bool
    default: false
  override:
    description: Gates that need not hold, such as V(in-use) or V(boot-device).
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description:
      - Every step is asked for with C(validate_only), so that gates that do not hold fail it as they would. What comes
        after an upload or after staging cannot be asked for yet; RV(validated) is then false.
"""

EXAMPLES = r"""
- name: Update one host after another, and no drive that boots or is mounted
  hosts: storage
  serial: 1
  tasks:
    - name: Update
      nvmed.nvmed.firmware:
        controllers: [nvme0, nvme1]
        revision: GDC7602Q
        image: /srv/firmware/GDC7602Q.bin
        model: SAMSUNG MZQL23T8HCLS-00A07
        activation: controller-reset
        acknowledge_disruption: true
"""

RETURN = r"""
drives:
  description: What each drive was and is, up to the one that refused.
  returned: always
  type: list
  elements: dict
  contains:
    controller:
      description: Resource name.
      type: str
    before:
      description: Revision that ran.
      type: str
    after:
      description: Revision that runs.
      type: str
    slot:
      description: Slot that holds the revision, 0 if none does yet.
      type: int
    actions:
      description: What was done, or would be, of V(stage) and V(activate).
      type: list
      elements: str
    required_reset:
      description: The reset that is missing for it to run.
      type: str
validated:
  description: Whether the daemon was asked about every step, in check mode.
  returned: in check mode
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.nvmed.nvmed.plugins.module_utils.nvmedctl import CONNECTION, TOGETHER, Nvmedctl

MODES = ["controller-reset", "subsystem-reset", "immediate", "on-next-reset", "none"]


class Update:
    """An update of several drives: `drives` is what is told of those that were looked at."""

    def __init__(self, module, nvmedctl):
        self.given = module.params
        self.check = module.check_mode
        self.sha256 = module.sha256(self.given["image"]) if self.given["image"] else None
        self.uploaded = False
        self.validated = True
        self.nvmedctl = nvmedctl
        self.drives = []
        nvmedctl.done["drives"] = self.drives

    def bring(self, controller):
        """Bring one drive to the revision, as far as it is not."""
        slots = self.nvmedctl.run("firmware", "slots", controller)
        wanted = self.given["revision"]
        slot = next((one["slot"] for one in slots["slots"] if one["revision"] == wanted), 0)
        running = slots["running_revision"]
        drive = {
            "controller": slots["controller"],
            "before": running,
            "after": running,
            "slot": slot,
            "actions": [],
            "required_reset": "",
        }
        self.drives.append(drive)
        if running == wanted or (slot and self.given["activation"] == "none"):
            return
        pending = any(one["next"] and one["slot"] == slot for one in slots["slots"])
        if pending and self.given["activation"] == "on-next-reset":
            drive["required_reset"] = "pending"
            return
        if not slot:
            self._stage(drive)
        if self.given["activation"] != "none":
            self._activate(drive)

    def _stage(self, drive):
        image = self._image(drive)
        if image:
            words = [drive["controller"], "--image", image, "--revision", self.given["revision"]]
            answer = self._do("firmware", "stage", *words, *self._expected(drive))
            drive["slot"] = answer["drives"][0]["slot"]
        self._acted(drive, "stage")

    def _activate(self, drive):
        self_staged = "stage" in drive["actions"]
        if self.check and self_staged:
            self.validated = False  # no slot holds it yet
        else:
            words = [drive["controller"], "--slot", drive["slot"], "--revision", self.given["revision"]]
            words += ["--mode", self.given["activation"]]
            if self.given["acknowledge_disruption"]:
                words.append("--acknowledge-disruption")
            answer = self._do("firmware", "activate", *words, *self._expected(drive))
            drive["after"] = answer["running_revision"] or drive["after"]
            reset = answer["required_reset"].replace("REQUIRED_RESET_", "").lower()
            drive["required_reset"] = "" if reset == "unspecified" else reset
        self._acted(drive, "activate")

    def _image(self, drive):
        """The image in the host's spool, None in check mode if it would have to be uploaded."""
        if self.sha256 is None:
            self.nvmedctl.fail("no slot of %s holds %s: give image" % (drive["controller"], self.given["revision"]))
        if self.check:
            found = self.nvmedctl.run_or_none("IMAGE_NOT_FOUND", "firmware", "show-image", self.sha256)
            self.validated = self.validated and found is not None
            return self.sha256 if found else None
        if not self.uploaded:
            words = ["--revision", self.given["revision"]]
            self.nvmedctl.run("firmware", "upload", self.given["image"], *words)
            self.uploaded = True
        return self.sha256

    def _expected(self, drive):
        words = []
        if self.given["model"]:
            words += ["--expect-model", self.given["model"]]
        allowed = self.given["from_revisions"]
        if allowed and drive["before"] not in allowed:
            sentence = "%s runs %s, which is none of from_revisions: %s"
            self.nvmedctl.fail(sentence % (drive["controller"], drive["before"], ", ".join(allowed)))
        words += ["--expect-revision", drive["before"]]
        for gate in self.given["override"]:
            words += ["--override", gate]
        return words

    def _do(self, *words):
        return self.nvmedctl.run(*words, *(["--dry-run"] if self.check else []))

    def _acted(self, drive, action):
        drive["actions"].append(action)
        self.nvmedctl.done["changed"] = True


def main():
    """Update all of them, one after another."""
    module = AnsibleModule(
        dict(
            CONNECTION,
            controllers={"type": "list", "elements": "str", "required": True},
            revision={"type": "str", "required": True},
            image={"type": "path"},
            model={"type": "str"},
            from_revisions={"type": "list", "elements": "str", "default": []},
            activation={"type": "str", "choices": MODES, "default": "on-next-reset"},
            acknowledge_disruption={"type": "bool", "default": False},
            override={"type": "list", "elements": "str", "default": []},
        ),
        required_together=TOGETHER,
        supports_check_mode=True,
    )
    nvmedctl = Nvmedctl(module)
    update = Update(module, nvmedctl)
    for controller in module.params["controllers"]:
        update.bring(controller)
    before, after = (
        "".join("%s %s\n" % (one["controller"], one[key]) for one in update.drives) for key in ("before", "after")
    )
    results = {"validated": update.validated} if module.check_mode else {}
    nvmedctl.exit(diff={"before": before, "after": after}, **results)


if __name__ == "__main__":
    main()
