"""URLs of images: what is refused, what is allowed, where a name may lead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.firmware.fetch_urls import UrlError, is_allowed, is_plain, is_reachable, parse

FOLDERS = [parse("https://images.example.org/firmware/"), parse("https://[::1]:8443/")]


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("", "printable"),
        ("https://example.org/" + "a" * 2048, "2048"),
        ("https://example.org/a b", "blank"),
        ("https://example.org/a\r\nX: y", "printable"),
        ("https://example.org/a\\b", "backslash"),
        ("https://example.org/\u00e4", "ASCII"),
        ("http://example.org/a", "https://"),
        ("file:///etc/passwd", "https://"),
        ("//h/a", "https://"),
        ("https://user:hunter2@example.org/a", "password"),
        ("https://example.org/a#b", "fragment"),
        ("https://example.org/a#", "fragment"),
        ("https:///a", "host"),
        ("https://example.org:0/a", "host and port"),
        ("https://example.org:65536/a", "host and port"),
        ("https://example.org:x/a", "host and port"),
        ("https://[::1/a", "host and port"),
        ("https:" + "//-h/a", "host and port"),
        ("https://example.org%2f/a", "host and port"),
        ("https://example.org/a/../b", "'..'"),
        ("https://example.org/./b", "'.'"),
        ("https://example.org/a/%2e%2e/b", "'..'"),
        ("https://example.org/a/%252e%252e/b", "'..'"),
        ("https://example.org/a%2fb", "slash"),
        ("https://example.org/a%5cb", "slash"),
    ],
)
def test_what_is_refused(url: str, wrong: str) -> None:
    with pytest.raises(UrlError, match=r".") as caught:
        parse(url)
    assert wrong in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://images.example.org/firmware/a.bin", True),
        ("https://IMAGES.example.org:443/firmware/a/b.bin?sig=1", True),
        ("https://[::1]:8443/x", True),
        ("https://images.example.org/firmware", False),
        ("https://images.example.org/firmware2/a.bin", False),
        ("https://images.example.org:8443/firmware/a.bin", False),
        ("https://images.example.org.evil.example/firmware/a.bin", False),
        ("https://evil.example/firmware/a.bin", False),
        ("https://[::1]/x", False),
    ],
)
def test_what_is_allowed(url: str, *, allowed: bool) -> None:
    assert is_allowed(parse(url), FOLDERS) is allowed


def test_a_query_is_asked_for_and_never_shown() -> None:
    location = parse("https://example.org:8443/a.bin?signature=planted")
    assert (location.target, location.authority) == ("/a.bin?signature=planted", "example.org:8443")
    assert "planted" not in repr(location) + location.shown
    assert location.shown == "https://example.org:8443/a.bin"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "::1", "169.254.169.254", "fe80::1", "fe80::1%eth0", "0.0.0.0", "::", "224.0.0.1",  # noqa: S104
        "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
    ],
)  # fmt: skip
def test_a_name_may_not_lead_to_this_host_or_a_link(address: str) -> None:
    assert not is_reachable("images.example.org", address)
    assert is_reachable(address, address)
    assert is_reachable("localhost", address)


@pytest.mark.parametrize("address", ["10.0.0.1", "192.0.2.1", "2001:db8::1", "fd00::1", "::ffff:10.0.0.1"])
def test_a_name_may_lead_to_another_host(address: str) -> None:
    assert is_reachable("images.example.org", address)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60))
def test_any_text_is_a_location_or_refused(text: str) -> None:
    for url in (text, f"https://{text}", f"https://example.org/{text}"):
        try:
            location = parse(url)
        except UrlError:
            continue
        assert is_plain(location.path)
        assert "?" not in location.shown
        again = parse(f"https://{location.authority}{location.target}")
        assert again == location
