"""Identities, what the kernel says of keys, and nvme-cli's key files."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.errors import InvalidArgument, NvmedError
from nvmed.keys.description import (
    ExpiryState,
    KeyDescription,
    KeyExpiry,
    parse_description,
    parse_expiry,
    parse_proc_line,
)
from nvmed.keys.identity import TlsIdentity, parse_identity, try_parse_identity
from nvmed.keys.keyfile import KeyFileEntry, build_line, parse_file, parse_line
from nvmed.keys.names import check_nqn
from nvmed.keys.psk import Derivation, PskHash, derive_tls_key
from nvmed.keys.secret import Secret

HOST = "nqn.2014-08.org.nvmexpress:uuid:f8131ac0-cdef-4165-866b-5998c1e67890"
SUBSYSTEM = "nqn.2024-01.io.example:subsys1"
DIGEST_32 = base64.b64encode(bytes(range(32))).decode()

NQNS = st.text(
    st.characters(
        codec="utf-8",
        exclude_characters="\"'`",
        exclude_categories=["Cc", "Cf", "Cn", "Co", "Cs", "Pf", "Pi", "Zl", "Zp", "Zs"],
    ),
    min_size=1,
    max_size=50,
)
DIGESTS = {PskHash.SHA256: 32, PskHash.SHA384: 48}


@st.composite
def identities(draw: st.DrawFn) -> TlsIdentity:
    version = draw(st.integers(0, 1))
    hash_ = draw(st.sampled_from(list(DIGESTS)))
    size = DIGESTS[hash_]
    digest = base64.b64encode(draw(st.binary(min_size=size, max_size=size))).decode() if version else ""
    return TlsIdentity(version, draw(st.sampled_from("RG")), hash_, draw(NQNS), draw(NQNS), digest)


@given(identities())
def test_identities_round_trip(identity: TlsIdentity) -> None:
    if identity.version == 0 and len(str(identity).encode()) > 255:
        with pytest.raises(InvalidArgument, match="at most 255 bytes"):
            parse_identity(str(identity))
    else:
        assert parse_identity(str(identity)) == identity


@given(st.one_of(st.text(), st.text().map(lambda text: f"NVMe1R01 {text}")))
def test_arbitrary_text_is_an_identity_or_refused(text: str) -> None:
    identity = try_parse_identity(text)
    assert identity is None or str(identity) == text


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("derivation", Derivation)
def test_a_derived_identity_parses(version: int, derivation: Derivation) -> None:
    key = derive_tls_key(Secret(bytes(48)), HOST, SUBSYSTEM, version=version, hash_=PskHash.NONE, derivation=derivation)
    assert parse_identity(key.identity) == TlsIdentity(version, "R", PskHash.SHA384, HOST, SUBSYSTEM, key.digest)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "does not begin with NVMe"),
        ("NVMe2R01 h s", "does not begin with NVMe"),
        ("NVMe0X01 h s", "does not begin with NVMe"),
        ("NVMe0R03 h s", "does not begin with NVMe"),
        ("NVMe0R00 h s", "does not begin with NVMe"),
        ("nvme0R01 h s", "does not begin with NVMe"),
        ("NVMe0R01 h", "3 words between single blanks, not 2"),
        ("NVMe0R01 h s d", "3 words between single blanks, not 4"),
        ("NVMe0R01  h s", "3 words between single blanks, not 4"),
        ("NVMe0R01 h s\n", "control character"),
        ("NVMe0R01  s", "empty"),
        (f"NVMe0R01 {'h' * 123} {'s' * 123}", "at most 255 bytes"),
        (f"NVMe0R01 {'h' * 224} s", "over the limit of 223"),
        ("NVMe1R01 h s", "4 words between single blanks, not 3"),
        ("NVMe1R01 h s notbase64", "digest is not the base64 of 32 bytes"),
        (f"NVMe1R02 h s {DIGEST_32}", "digest is not the base64 of 48 bytes"),
        (f"NVMe1R01 h s {DIGEST_32[:-2]}9=", "digest is not the base64 of 32 bytes"),
    ],
)
def test_identities_that_are_none(text: str, words: str) -> None:
    with pytest.raises(InvalidArgument, match="identity") as refusal:
        parse_identity(text)
    assert words in refusal.value.message


def test_descriptions_keep_their_semicolons() -> None:
    """libnvme returns what follows the last one."""
    parsed = parse_description("user;0;1000;3f010000;a;b c")
    assert parsed == KeyDescription("user", 0, 1000, 0x3F010000, "a;b c")
    assert not parsed.names_tls_key
    assert parsed.identity is None


def test_descriptions_of_tls_keys() -> None:
    key = parse_description("psk;0;0;3b010000;NVMe0R01 h s")
    assert key.names_tls_key
    assert key.identity == TlsIdentity(0, "R", PskHash.SHA256, "h", "s")
    foreign = parse_description("psk;0;0;3b010000;NVMe9Z99 anything")
    assert foreign.names_tls_key
    assert foreign.identity is None
    assert not parse_description("psk;0;0;3b010000;NVMe0R1 h s").names_tls_key


@pytest.mark.parametrize(
    "text", ["", "user", "user;0;0;3f010000", ";0;0;3f010000;x", "user;-1;0;3f010000;x", "u;0;0;3f;x"]
)
def test_texts_that_describe_no_key(text: str) -> None:
    with pytest.raises(ValueError, match="not a key description"):
        parse_description(text)


DESCRIPTIONS = st.builds(
    KeyDescription,
    type=st.from_regex(r"[a-z._]{1,31}", fullmatch=True),
    uid=st.integers(0, 2**32 - 1),
    gid=st.integers(0, 2**32 - 1),
    permissions=st.integers(0, 2**32 - 1),
    description=st.text(),
)


@given(DESCRIPTIONS)
def test_descriptions_round_trip(description: KeyDescription) -> None:
    assert parse_description(str(description)) == description


@given(st.text())
def test_arbitrary_text_is_a_description_or_refused(text: str) -> None:
    try:
        parse_description(text)
    except ValueError:
        return


@pytest.mark.parametrize(
    ("text", "expiry"),
    [
        ("perm", KeyExpiry(ExpiryState.PERMANENT)),
        ("expd", KeyExpiry(ExpiryState.EXPIRED)),
        ("59s", KeyExpiry(ExpiryState.EXPIRES, 59, 1)),
        ("3m", KeyExpiry(ExpiryState.EXPIRES, 180, 60)),
        ("2h", KeyExpiry(ExpiryState.EXPIRES, 7200, 3600)),
        ("1d", KeyExpiry(ExpiryState.EXPIRES, 86400, 86400)),
        ("10w", KeyExpiry(ExpiryState.EXPIRES, 6048000, 604800)),
    ],
)
def test_expiry_columns(text: str, expiry: KeyExpiry) -> None:
    assert parse_expiry(text) == expiry


def test_lines_of_proc_keys() -> None:
    keyring = parse_proc_line("1d6ca5ce I--Q---     1 perm 0c030000     0 65534 keyring   .user_reg: 2\n")
    assert keyring is not None
    assert (keyring.serial, keyring.type, keyring.description) == (0x1D6CA5CE, "keyring", ".user_reg: 2")
    assert (keyring.flags, keyring.permissions, keyring.uid, keyring.gid) == ("I--Q---", 0x0C030000, 0, 65534)
    key = parse_proc_line("2f6f0ba1 I--Q---     1  59s 3f010000  1000  1000 psk       NVMe0R01 h s: 32")
    assert key is not None
    assert (key.type, key.description, key.expiry.remaining_s) == ("psk", "NVMe0R01 h s: 32", 59)
    assert parse_proc_line("") is None
    assert parse_proc_line("1d6ca5ce I--Q---") is None


@given(st.text())
def test_arbitrary_lines_are_keys_or_none(line: str) -> None:
    key = parse_proc_line(line)
    assert key is None or 0 <= key.serial < 2**32


def entry(identity: TlsIdentity, byte: int = 7) -> KeyFileEntry:
    return KeyFileEntry(identity, Secret(bytes([byte]) * DIGESTS[identity.hash]))


@given(identities().filter(lambda identity: try_parse_identity(str(identity)) is not None), st.integers(0, 255))
def test_key_file_lines_round_trip(identity: TlsIdentity, byte: int) -> None:
    original = entry(identity, byte)
    line = build_line(original)
    for text in (line, Secret(line.reveal().removesuffix(b"\n"))):
        parsed = parse_line(text)
        assert parsed.identity == identity
        assert parsed.psk.matches(original.psk)


@given(st.binary())
def test_arbitrary_bytes_are_a_key_file(content: bytes) -> None:
    for line in parse_file(Secret(content)):
        assert (line.entry is None) != (line.problem is None)


SHORT = TlsIdentity(0, "R", PskHash.SHA256, "h", "s")


def test_a_line_of_nvme_cli() -> None:
    line = build_line(entry(SHORT)).reveal_text()
    identity, _, text = line.rpartition(" ")
    assert identity == "NVMe0R01 h s"
    assert text.startswith("NVMeTLSkey-1:01:")
    assert text.endswith(":\n")


def test_a_bad_line_spoils_no_other() -> None:
    good = build_line(entry(SHORT)).reveal()
    file = Secret(
        b"\n".join([good.strip(), b"", b"  ", b"no-blank", b"\xff\xfe x", good.replace(b"-1:", b"-0:")]) + good
    )
    lines = parse_file(file)
    assert [line.number for line in lines] == [1, 4, 5, 6, 7]
    assert [line.entry is not None for line in lines] == [True, False, False, False, True]
    problems = [line.problem for line in lines if line.problem]
    assert [problem.reason for problem in problems] == ["INVALID_FIELD", "INVALID_FIELD", "KEY_TEXT_VERSION"]
    assert "nvme-cli#3887" in problems[2].message


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"x" * 512, "512 bytes, over the 511"),
        (b"NVMe0R02 h s NVMeTLSkey-1:01:VRLbtnN9AQb2WXW3c9+wEf/DRLz0QuLdbYvEhwtdWwNf9LrZ:", "48 bytes, not 32"),
        (b"NVMe0R01 h NVMeTLSkey-1:01:VRLbtnN9AQb2WXW3c9+wEf/DRLz0QuLdbYvEhwtdWwNf9LrZ:", "3 words"),
    ],
)
def test_lines_that_are_none(line: bytes, words: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        parse_line(Secret(line))
    assert words in refusal.value.message
    assert "VRLb" not in refusal.value.message


def test_lines_that_cannot_be_written() -> None:
    with pytest.raises(InvalidArgument, match="a PSK has 32 or 48"):
        build_line(KeyFileEntry(SHORT, Secret(bytes(31))))
    longest = derive_tls_key(Secret(bytes(48)), "h" * 223, "s" * 223, version=1, hash_=PskHash.SHA384)
    with pytest.raises(InvalidArgument, match="over the 511"):
        build_line(KeyFileEntry(parse_identity(longest.identity), longest.psk))


@pytest.mark.parametrize(
    "character",
    ["\u00a0", "\u2003", "\u200b", "\ufeff", "\u2028", "\u0085", "\u202e", "\n", "\0", " ", '"', "'", "\u201c"],
)
@pytest.mark.parametrize("place", [0, 20, -1])
def test_a_name_with_a_character_that_nobody_sees_or_means_is_refused(character: str, place: int) -> None:
    name = "nqn.2014-08.org.nvmexpress:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
    wrong = name[:place] + character + name[place:] if place >= 0 else name + character
    assert check_nqn("host_nqn", name) == name.encode()
    with pytest.raises(NvmedError, match=f"U.{ord(character):04X}. at character") as refused:
        check_nqn("host_nqn", wrong)
    assert [one.field for one in refused.value.fields] == ["host_nqn"]


def test_a_name_may_have_letters_of_every_language() -> None:
    for name in ("nqn.2014-08.com.ex\u00e4mple:\u00fc", "nqn.2014-08.com.x:e\u0301", "nqn.2016-06.io.x:;a;b"):
        assert check_nqn("nqn", name) == name.encode()


@pytest.mark.parametrize(
    "shape",
    ["{0}", "{0}\n", "{0}\r\n", "\ufeff{0}\r\n", "# keys of this host\n\n  {0}  \n#{0}\n", "{1}\n"],
    ids=["bare", "lf", "crlf", "byte order mark", "comments and blanks", "several blanks"],
)
def test_key_files_as_people_write_them(shape: str) -> None:
    identity = parse_identity("NVMe0R01 nqn.2014-08.org.example:host nqn.2016-06.io.spdk:cnode1")
    line = build_line(KeyFileEntry(identity, Secret(bytes(32)))).reveal().decode().rstrip()
    content = shape.format(line, line.replace(" ", "  \t "))
    (found,) = parse_file(Secret(content.encode()))
    assert found.entry is not None, found.problem
    assert found.entry.identity == identity
