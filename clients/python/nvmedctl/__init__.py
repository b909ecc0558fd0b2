"""The client library of nvmed: `async with Client() as client`, and errors as the daemon knows them.

Importing it changes nothing of its process. What it offers is imported when it is first used, gRPC with it. Who streams
much may call `nvmed.malloc.tune()` before that, as `nvmedctl` does: large messages are then 1.6 times as fast.
"""

TYPE_CHECKING = False  # what `typing` has, without its import
if TYPE_CHECKING:
    from nvmedctl import operations
    from nvmedctl.address import Address, Tls
    from nvmedctl.client import Client, pages
    from nvmedctl.events import watch_events
    from nvmedctl.images import Uploaded, download_firmware, upload_image
    from nvmedctl.log_pages import LogPage, receive_log_page, save_log_page
    from nvmedctl.retry import RetryPolicy
    from nvmedctl.telemetry import Sink, TelemetryLog, receive_telemetry, save_telemetry

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
    "operations",
    "pages",
    "receive_log_page",
    "receive_telemetry",
    "save_log_page",
    "save_telemetry",
    "upload_image",
    "watch_events",
]

_MODULES = {
    "address": ("Address", "Tls"),
    "client": ("Client", "pages"),
    "events": ("watch_events",),
    "images": ("Uploaded", "download_firmware", "upload_image"),
    "log_pages": ("LogPage", "receive_log_page", "save_log_page"),
    "retry": ("RetryPolicy",),
    "telemetry": ("Sink", "TelemetryLog", "receive_telemetry", "save_telemetry"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name == "operations":
        return import_module("nvmedctl.operations")
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"nvmedctl.{_MODULE_OF[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
