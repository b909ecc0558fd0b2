"""The client library of nvmed: `async with Client() as client`, and errors as the daemon knows them."""

from nvmed.malloc import tune as _tune

_tune()  # before grpc: see nvmed.malloc

from nvmedctl.address import Address, Tls  # noqa: E402
from nvmedctl.client import Client, pages  # noqa: E402
from nvmedctl.images import Uploaded, download_firmware, upload_image  # noqa: E402
from nvmedctl.log_pages import LogPage, receive_log_page, save_log_page  # noqa: E402
from nvmedctl.retry import RetryPolicy  # noqa: E402
from nvmedctl.telemetry import Sink, TelemetryLog, receive_telemetry, save_telemetry  # noqa: E402

__all__ = [
    "Address",
    "Client",
    "LogPage",
    "RetryPolicy",
    "Sink",
    "TelemetryLog",
    "Tls",
    "Uploaded",
    "download_firmware",
    "pages",
    "receive_log_page",
    "receive_telemetry",
    "save_log_page",
    "save_telemetry",
    "upload_image",
]
