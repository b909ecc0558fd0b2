"""nvmedctl as modules call it.

The command line and not the Python library, because a module is run by whichever Python Ansible found, and the package
keeps nvmed's in a folder of its own. Its JSON only ever grows, errors carry a reason, and secrets go in by stdin.
"""

from __future__ import annotations

import json
import os

CONNECTION = {
    "address": {"type": "str"},
    "ca": {"type": "path"},
    "cert": {"type": "path"},
    "key": {"type": "path", "no_log": False},  # a file's name
    "server_name": {"type": "str"},
    "executable": {"type": "path", "default": "nvmedctl"},
    "timeout": {"type": "float"},
}
"""Argument spec of how the daemon is reached."""

TOGETHER = [("cert", "key")]


class Nvmedctl:
    """Runs commands for `module`; whatever a command refuses fails it, with reason and remedy."""

    def __init__(self, module):
        self._module = module
        given = module.params
        program = given["executable"]
        self._command = [program if os.sep in program else module.get_bin_path(program, required=True)]
        self._command += ["--output", "json"]
        for name in ("address", "ca", "cert", "key", "server_name", "timeout"):
            if given[name] is not None:
                self._command += ["--" + name.replace("_", "-"), str(given[name])]
        self.done = {"changed": False}
        """What is told also by a failure: what was changed before it."""

    def run(self, *words, data=None):
        """The message that a command prints; `data` is its standard input, for secrets."""
        code, out, err = self._call(words, data)
        if code:
            self.fail(err)
        return self._parsed(out)

    def run_or_none(self, reason, *words, **options):
        """As `run`, and None if it is refused for `reason`."""
        code, out, err = self._call(words, options.get("data"))
        if code and _error(err).get("reason") == reason:
            return None
        if code:
            self.fail(err)
        return self._parsed(out)

    def fail(self, err):
        """End the module with what nvmedctl said."""
        error = _error(err)
        message = error.get("message") or err.strip() or "nvmedctl failed and did not say why"
        if error.get("remedy"):
            message = "%s %s" % (message, error["remedy"])
        self._module.fail_json(msg=message, reason=error.get("reason", ""), error=error, **self.done)

    def exit(self, **results):
        """End the module well."""
        self._module.exit_json(**dict(self.done, **results))

    def _call(self, words, data):
        return self._module.run_command(
            self._command + [str(word) for word in words], data=data, binary_data=True, handle_exceptions=True
        )

    def _parsed(self, out):
        try:
            return json.loads(out)
        except ValueError:
            self._module.fail_json(msg="nvmedctl printed no JSON: %s" % out[:200], **self.done)


def _error(err):
    """The error of nvmedctl's last line, or nothing."""
    for line in reversed(err.splitlines()):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict) and isinstance(found.get("error"), dict):
            return found["error"]
    return {}
