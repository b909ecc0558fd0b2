"""The client library of nvmed: `async with Client() as client`, and errors as the daemon knows them.

`nvmedctl.blocking` has the same for programs without `async`, `nvmedctl.operations` what waits for long ones.

Importing it changes nothing of its process. What it offers is imported when it is first used, gRPC with it. Who streams
much may call `nvmed.malloc.tune()` before that, as `nvmedctl` does: large messages are then 1.6 times as fast.
"""

TYPE_CHECKING = False  # what `typing` has, without its import
if TYPE_CHECKING:
    from nvmed.errors import NvmedError
    from nvmedctl import blocking, errors, operations
    from nvmedctl.address import Address, Tls
    from nvmedctl.captures import SavedCapture, save_capture
    from nvmedctl.client import Client, pages
    from nvmedctl.events import watch_events
    from nvmedctl.images import Uploaded, download_firmware, upload_image
    from nvmedctl.log_pages import LogPage, receive_log_page, save_log_page
    from nvmedctl.retry import RetryPolicy, is_transient
    from nvmedctl.support import SavedBundle, save_support_bundle
    from nvmedctl.telemetry import Sink, TelemetryLog, receive_telemetry, save_telemetry

__all__ = [
    "Address",
    "Client",
    "LogPage",
    "NvmedError",
    "RetryPolicy",
    "SavedBundle",
    "SavedCapture",
    "Sink",
    "TelemetryLog",
    "Tls",
    "Uploaded",
    "blocking",
    "download_firmware",
    "errors",
    "is_transient",
    "operations",
    "pages",
    "receive_log_page",
    "receive_telemetry",
    "save_capture",
    "save_log_page",
    "save_support_bundle",
    "save_telemetry",
    "upload_image",
    "watch_events",
]

_MODULES = {
    "address": ("Address", "Tls"),
    "client": ("Client", "pages"),
    "events": ("watch_events",),
    "images": ("Uploaded", "download_firmware", "upload_image"),
    "captures": ("SavedCapture", "save_capture"),
    "log_pages": ("LogPage", "receive_log_page", "save_log_page"),
    "retry": ("RetryPolicy", "is_transient"),
    "support": ("SavedBundle", "save_support_bundle"),
    "telemetry": ("Sink", "TelemetryLog", "receive_telemetry", "save_telemetry"),
}
_MODULE_OF = {"NvmedError": "nvmed.errors"} | {
    name: f"nvmedctl.{module}" for module, names in _MODULES.items() for name in names
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in ("blocking", "errors", "operations"):
        return import_module(f"nvmedctl.{name}")
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
