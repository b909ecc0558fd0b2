"""Ways of erasing a drive: what each needs, what its command is, and what standards call it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from nvmed.errors import NvmedError
from nvmed.nvme.capabilities import Capabilities
from nvmed.nvme.identify import IdentifyController
from nvmed.nvme.namespace import SecureErase
from nvmed.nvme.sanitize import Action, Sanitize, SanitizeCapabilities
from nvmed.reasons import Reason, error, invalid_field


@unique
class Method(Enum):
    """A way of erasing; the names are those of the contract's `ErasureMethod`."""

    SANITIZE_BLOCK_ERASE = "SANITIZE_BLOCK_ERASE"
    SANITIZE_CRYPTO_ERASE = "SANITIZE_CRYPTO_ERASE"
    SANITIZE_OVERWRITE = "SANITIZE_OVERWRITE"
    FORMAT_USER_DATA = "FORMAT_USER_DATA"
    FORMAT_CRYPTO_ERASE = "FORMAT_CRYPTO_ERASE"
    REVERT = "REVERT"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a method that succeeded is in words of standards, "" where nothing is claimed."""

    ieee_2883: str
    nist_800_88: str
    technique: str


STANDINGS: Final[Mapping[Method, Standing]] = {
    Method.SANITIZE_BLOCK_ERASE: Standing("purge", "purge", "block erase"),
    Method.SANITIZE_CRYPTO_ERASE: Standing("purge", "purge", "cryptographic erase"),
    Method.SANITIZE_OVERWRITE: Standing("purge", "purge", "overwrite"),
    Method.FORMAT_USER_DATA: Standing("clear", "clear", "user data erase by format"),
    Method.FORMAT_CRYPTO_ERASE: Standing("clear", "clear", "cryptographic erase by format"),
    Method.REVERT: Standing("", "", "cryptographic erase by revert to the factory state"),
}
"""IEEE 2883-2022 and NIST SP 800-88. Where the two, or their editions, differ the weaker word is taken; a revert is
only as good as the drive's encryption, of which nothing can be seen from outside, so none is claimed."""

ACTIONS: Final[Mapping[Method, Action]] = {
    Method.SANITIZE_BLOCK_ERASE: Action.BLOCK_ERASE,
    Method.SANITIZE_CRYPTO_ERASE: Action.CRYPTO_ERASE,
    Method.SANITIZE_OVERWRITE: Action.OVERWRITE,
}
FORMATS: Final[Mapping[Method, SecureErase]] = {
    Method.FORMAT_USER_DATA: SecureErase.USER_DATA,
    Method.FORMAT_CRYPTO_ERASE: SecureErase.CRYPTOGRAPHIC,
}

DEFAULT: Final = (Method.SANITIZE_BLOCK_ERASE, Method.SANITIZE_CRYPTO_ERASE)
"""What is tried where a request names nothing. Overwriting wears a drive out and takes days; it has to be named."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a request says of how to erase; `passes`, `pattern` and `invert` are of an overwrite."""

    methods: tuple[Method, ...] = DEFAULT
    passes: int = 1
    pattern: int = 0
    invert: bool = False
    no_deallocate: bool = False
    unrestricted_exit: bool = False
    media_verification: bool = False

    def sanitize(self, method: Method) -> Sanitize | None:
        """The Sanitize that `method` is, None if it is none."""
        if method not in ACTIONS:
            return None
        return Sanitize(
            ACTIONS[method], self.passes, self.pattern, self.invert,
            self.no_deallocate, self.unrestricted_exit, self.media_verification,
        )  # fmt: skip


def choose(settings: Settings, identity: IdentifyController) -> tuple[Method, ...]:
    """Those of the methods of a request that the drive says it has, in the request's order.

    Raises ERASURE_METHOD_UNSUPPORTED if it has none of them, or lacks what else is asked for.
    """
    if repeated := [one for one in settings.methods if settings.methods.count(one) > 1]:
        raise invalid_field("methods", f"has {repeated[0].value} twice; each is tried once")
    capabilities = SanitizeCapabilities(identity.sanicap)
    sanitizes = any(method in ACTIONS for method in settings.methods)
    if settings.media_verification and sanitizes and not capabilities.media_verification:
        raise _unsupported("cannot show its media after erasing (SANICAP bit 3); leave media_verification out")
    if settings.no_deallocate and sanitizes and capabilities.no_deallocate_inhibited:
        raise _unsupported("deallocates whatever it is told (SANICAP bit 29); leave no_deallocate out")
    there = available(identity)
    chosen = tuple(method for method in settings.methods if method in there)
    if not chosen:
        has = ", ".join(method.value for method in there) or "no way of erasing"
        raise _unsupported(f"has {has}, and none of {', '.join(method.value for method in settings.methods)}")
    return chosen


def available(identity: IdentifyController) -> tuple[Method, ...]:
    """The methods that a drive says it has."""
    actions = SanitizeCapabilities(identity.sanicap).actions
    capabilities = Capabilities(identity)
    needs = {Method.FORMAT_USER_DATA: "format_nvm", Method.FORMAT_CRYPTO_ERASE: "format_crypto_erase"}
    return tuple(
        method
        for method in Method
        if ACTIONS.get(method) in actions or (method in needs and capabilities.has(needs[method]))
    )


def lacking(tried: Sequence[str]) -> NvmedError:
    """The error of a drive that has a method by its own word and refused every one that was tried."""
    return _unsupported(f"refused {', '.join(tried)}, although it says that it has that")


def _unsupported(what: str) -> NvmedError:
    return error(Reason.ERASURE_METHOD_UNSUPPORTED, f"the drive {what}")
