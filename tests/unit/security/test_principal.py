"""Who a certificate says that its bearer is: what stands in it whole, or nobody."""

from __future__ import annotations

import ipaddress
from typing import Final

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from nvmed import limits
from nvmed.errors import NvmedError
from nvmed.security.dev_ca import CLIENT, issue, make_authority
from nvmed.security.principal import proven_by_certificate

AUTHORITY: Final = make_authority()
URI, DNS, MAIL = x509.UniformResourceIdentifier, x509.DNSName, x509.RFC822Name
ADMIN: Final = "admin.example.org"
GOOD: Final = URI("spiffe://example.org/good")


def identities(*names: x509.GeneralName) -> tuple[str, ...]:
    """Who somebody is with a certificate of these names; gRPC's own reading of it is a lie."""
    pem = issue(AUTHORITY, "client", names, [CLIENT]).certificate_pem
    return proven_by_certificate(
        {"x509_pem_cert": [pem], "peer_uri": [b"spiffe://example.org/lie"], "peer_dns": [ADMIN.encode()]}
    )


def refusal(*names: x509.GeneralName) -> str:
    with pytest.raises(NvmedError) as refused:
        identities(*names)
    assert refused.value.reason == "UNKNOWN_PRINCIPAL"
    return refused.value.message


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([GOOD], ("uri:spiffe://example.org/good",)),
        ([DNS("Admin.Example.ORG")], (f"dns:{ADMIN}",)),
        ([DNS("b.example.org"), GOOD, DNS("a_b.example.org")],
         ("uri:spiffe://example.org/good", "dns:b.example.org", "dns:a_b.example.org")),
        ([GOOD, GOOD], ("uri:spiffe://example.org/good",)),
        ([DNS("*.example.org"), GOOD], ("uri:spiffe://example.org/good",)),
        ([MAIL("a@example.org"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")), GOOD],
         ("uri:spiffe://example.org/good",)),
        ([URI("urn:isbn:0451450523")], ("uri:urn:isbn:0451450523",)),
        ([URI("spiffe://example.org/a%20b")], ("uri:spiffe://example.org/a%20b",)),
    ],
)  # fmt: skip
def test_uris_come_first_then_dns_names(names: list[x509.GeneralName], found: tuple[str, ...]) -> None:
    assert identities(*names) == found


@pytest.mark.parametrize("others", [(), (GOOD,), (DNS("ok.example.org"), GOOD)], ids=["alone", "beside", "beside two"])
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (DNS(f"{ADMIN}\0.evil.com"), "DNS name"),
        (DNS(f"\0{ADMIN}"), "DNS name"),
        (DNS(f"x, DNS:{ADMIN}"), "DNS name"),
        (DNS(f"evil\n{ADMIN}"), "DNS name"),
        (DNS(f"{ADMIN}."), "DNS name"),
        (DNS(f".{ADMIN}"), "DNS name"),
        (DNS("a..b"), "DNS name"),
        (DNS("-a.example.org"), "DNS name"),
        (DNS("a.*.example.org"), "DNS name"),
        (DNS("a" * 64 + ".example.org"), "DNS name"),
        (DNS(".".join(["abc"] * 64)), "DNS name"),
        (DNS(""), "DNS name"),
        (URI("spiffe://example.org/good\0evil"), "URI"),
        (URI("http://evil.example.com\nspiffe://example.org/good"), "URI"),
        (URI("spiffe://example.org/a b"), "URI"),
        (URI("spiffe://example.org/a%2"), "URI"),
        (URI("spiffe://example.org/<a>"), "URI"),
        (URI("no scheme"), "URI"),
        (URI("spiffe:"), "URI"),
        (URI("spiffe://example.org/" + "a" * 2048), "URI"),
        (MAIL(f"{ADMIN}\0@evil.com"), "e-mail address"),
    ],
)
def test_a_name_that_is_not_what_its_kind_allows_refuses_all(
    name: x509.GeneralName, kind: str, others: tuple[x509.GeneralName, ...]
) -> None:
    assert refusal(name, *others).endswith(f"is no {kind}")
    assert refusal(*others, name).isprintable()


def test_what_says_nothing_identifies_nobody() -> None:
    assert "needs a URI or a DNS name" in refusal(DNS("*.example.org"))
    assert "needs a URI or a DNS name" in refusal(MAIL(f"a@{ADMIN}"))
    assert "no subject alternative name" in refusal()
    directory = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ADMIN)]))
    assert "needs a URI or a DNS name" in refusal(directory)


def test_names_are_limited() -> None:
    many = [URI(f"spiffe://example.org/{number}") for number in range(limits.IDENTITIES_MAX)]
    assert len(identities(*many)) == limits.IDENTITIES_MAX
    assert "at most" in refusal(*many, GOOD)


@pytest.mark.parametrize("shown", [{}, {"x509_pem_cert": []}, {"x509_pem_cert": [b"-----BEGIN"]}])
def test_without_a_certificate_that_can_be_read_nobody_is_identified(shown: dict[str, list[bytes]]) -> None:
    with pytest.raises(NvmedError, match="identifies nobody"):
        proven_by_certificate({**shown, "peer_dns": [ADMIN.encode()]})


@given(kind=st.sampled_from([URI, DNS]), text=st.text(st.characters(max_codepoint=0x7F), max_size=60))
def test_an_identity_is_a_whole_name_or_none(kind: type[x509.GeneralName], text: str) -> None:
    try:
        (found,) = identities(kind(text))  # type: ignore[call-arg]
    except NvmedError:
        return
    prefix, _, name = found.partition(":")
    assert name == (text if prefix == "uri" else text.lower())
    assert name.isprintable()
