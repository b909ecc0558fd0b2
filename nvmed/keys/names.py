"""NVMe qualified names as keys use them: what a name may be before it is hashed into an identity."""

from __future__ import annotations

import unicodedata

from nvmed.reasons import invalid_field

_FORBIDDEN = {
    "Cc": "a NUL or another control character",
    "Cf": "an invisible character",
    "Cn": "a character that does not exist",
    "Co": "a character of private use",
    "Pf": "a quotation mark",
    "Pi": "a quotation mark",
    "Zl": "a line separator",
    "Zp": "a paragraph separator",
    "Zs": "a blank",
}
"""Categories of Unicode that no name has on purpose: copied along, they make another key of the same look."""

_QUOTES = dict.fromkeys("\"'`", "a quotation mark")

MAX_NQN_BYTES = 223
"""NVMe Base 2.0, section 4.7: a name fills a 256-byte field padded with zeros, of which it may use 223."""


def check_nqn(field: str, nqn: str) -> bytes:
    """The UTF-8 bytes of `nqn`, or the validation error of `field`: empty, over 223 bytes, or with characters that are
    blank, invisible or quotes.

    libnvme hashes any text. A blank inside a name makes an identity that another split gives to two other names, and a
    NUL ends it early for every program in C, so two sides would agree on a key that they believe to be for others.
    """
    try:
        data = nqn.encode()
    except UnicodeEncodeError:
        raise invalid_field(field, "the NQN is not valid Unicode; send it as UTF-8") from None
    if not data:
        raise invalid_field(field, "the NQN is empty; give 1 to 223 bytes")
    if len(data) > MAX_NQN_BYTES:
        raise invalid_field(field, f"the NQN has {len(data)} bytes, over the limit of {MAX_NQN_BYTES} (NVMe Base, 4.7)")
    for position, character in enumerate(nqn):
        if kind := _FORBIDDEN.get(unicodedata.category(character)) or _QUOTES.get(character):
            raise invalid_field(
                field, f"the NQN contains {kind} (U+{ord(character):04X}) at character {position + 1}; remove it"
            )
    return data
