"""An NVMe/TCP target: simulated subsystems for hosts that speak NVMe over Fabrics, the Linux kernel above all."""

from nvmed.simulator.nvme_tcp.limits import Limits
from nvmed.simulator.nvme_tcp.serve import load_drives, serve
from nvmed.simulator.nvme_tcp.target import NvmeTcpTarget

__all__ = ["Limits", "NvmeTcpTarget", "load_drives", "serve"]
