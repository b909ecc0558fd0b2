"""A secret to be planted, the texts that carry it, and texts with a fault each."""

from __future__ import annotations

from nvmed.keys import dhchap, interchange
from nvmed.keys.psk import PskHash
from nvmed.keys.secret import Secret

PLANTED = b"UnToLd-WoRd-X-5028613947-QwErTyZ"
"""Begins as no other test's does: all that lives in the process is looked at."""
NQN = "nqn.2024-01.io.example:leak"
IDENTITY = f"NVMe0R01 {NQN} {NQN}"

GOOD_TEXT = interchange.export_psk(Secret(PLANTED), PskHash.SHA256).reveal()
GOOD_DHHC = dhchap.build_text(Secret(PLANTED), dhchap.HmacAlgorithm.SHA256, dhchap.Reading.SECRET).reveal()
GOOD_LINE = IDENTITY.encode() + b" " + GOOD_TEXT + b"\n"


def damaged(text: bytes) -> list[Secret]:
    """Texts with one fault each, and the secret itself where a text belongs."""
    return [
        Secret(damage)
        for damage in (
            PLANTED,
            b"",
            text[:-1],
            text[1:],
            text + b"\n",
            text.replace(b"-1:", b"-0:"),
            text.replace(b":01:", b":09:"),
            text.replace(b":01:", b":02:"),
            text.replace(b":01:", b"::"),
            text[:20] + b"!" + text[21:],
            text[:20] + bytes([text[20] ^ 1]) + text[21:],
            text[:20] + text[24:],
        )
    ]
