"""What OCP drives write into their telemetry logs, decoded on the client: the daemon never parses it.

from nvmedctl import ocp

log = ocp.decode(data, ocp.parse_strings(strings))
"""

from nvmedctl.ocp.events import Event
from nvmedctl.ocp.problems import Problem, Problems
from nvmedctl.ocp.statistics import Statistic
from nvmedctl.ocp.strings import NO_STRINGS, Strings
from nvmedctl.ocp.strings import parse as parse_strings
from nvmedctl.ocp.telemetry import Fifo, OcpTelemetry, Offsets, decode

__all__ = [
    "NO_STRINGS",
    "Event",
    "Fifo",
    "OcpTelemetry",
    "Offsets",
    "Problem",
    "Problems",
    "Statistic",
    "Strings",
    "decode",
    "parse_strings",
]
