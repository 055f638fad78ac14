"""URLs that may be called have one reading."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from hubbub.net import InvalidTarget, check_target
from hubbub.net.urls import MAX_URL

GOOD = [
    ("http://example.com", ("http", "example.com", 80, False)),
    ("https://example.com/", ("https", "example.com", 443, False)),
    ("HTTPS://Example.COM:8443/Hook?a=B", ("https", "example.com", 8443, False)),
    ("http://receiver/hook", ("http", "receiver", 80, False)),
    ("http://xn--bcher-kva.example/", ("http", "xn--bcher-kva.example", 80, False)),
    ("http://1password.com/", ("http", "1password.com", 80, False)),
    ("http://3com/", ("http", "3com", 80, False)),
    ("http://192.0.2.1:65535/", ("http", "192.0.2.1", 65535, True)),
    ("http://[2001:DB8::1]:8080/x", ("http", "2001:db8::1", 8080, True)),
    ("http://[::ffff:127.0.0.1]/", ("http", "::ffff:7f00:1", 80, True)),
    ("http://h.example?x=1", ("http", "h.example", 80, False)),
    ("http://h.example/@user:x/%2F?u=http://a@b", ("http", "h.example", 80, False)),
]
ODD = [
    "",
    "example.com",
    "//example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "unix:///run/x.sock",
    "javascript:alert(1)",
    "http:example.com",
    "http:/example.com",
    "http:///example.com",
    "http://",
    "http:///",
    "http://?x",
    "http://:80/",
    "http://example.com:/",
    "http://example.com:0/",
    "http://example.com:65536/",
    "http://example.com:99999999999/",
    "http://example.com:８０/",  # noqa: RUF001
    "http://example.com:-1/",
    "http://example.com:80:80/",
    "http://example.com#x",
    "http://example.com/#",
    "http://127.0.0.1#@example.com/",
    "http://a@127.0.0.1/",
    "http://a:b@example.com/",
    "http://@example.com/",
    "http://example.com@127.0.0.1/",
    "http://127.0.0.1\\@example.com/",
    "http:\\\\127.0.0.1\\",
    "http://example.com\\.evil/",
    "http://example.com/a b",
    " http://example.com/",
    "http://example.com/ ",
    "http://example.com/\n",
    "http://exam\tple.com/",
    "http://example.com/\x00",
    "http://example.com\r\nHost: x/",
    "http://example.com/\x7f",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0x7F.1/",
    "http://0x/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://0/",
    "http://127.0.0.01/",
    "http://127.0.0.0x1/",
    "http://127.0.0.256/",
    "http://127.0.0.1.1/",
    "http://127.0.0.1./",
    "http://1.2.3.4.5/",
    "http://example.1/",
    "http://localhost./",
    "http://localhost../",
    "http://.localhost/",
    "http://a..b/",
    "http://-a.example/",
    "http://a-.example/",
    "http://a_b.example/",
    "http://*.example/",
    "http://１２７.0.0.1/",  # noqa: RUF001
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://loc\u00adalhost/",
    "http://bücher.example/",
    "http://ⓛocalhost/",
    "http://%31%32%37.0.0.1/",
    "http://127.0.0.1%2f@example.com/",
    "http://localhost%00.example.com/",
    "http://[::1/",
    "http://::1/",
    "http://[::1]x/",
    "http://[::1%25lo]/",
    "http://[fe80::1%eth0]/",
    "http://[127.0.0.1]/",
    "http://[v1.x]/",
    "http://[::ffff:0177.0.0.1]/",
    "http://[]/",
    "http://example.com/%",
    "http://example.com/%zz",
    "http://example.com/<x>",
    "http://example.com/{x}",
    "http://" + "a" * 64 + ".example/",
    "http://" + "a." * 127 + "aa/",
    "http://example.com/" + "a" * MAX_URL,
]


@pytest.mark.parametrize(("url", "expected"), GOOD)
def test_good(url: str, expected: tuple[str, str, int, bool]) -> None:
    target = check_target(url)
    assert target[:4] == expected


@pytest.mark.parametrize("url", ODD)
def test_odd_spellings_are_refused(url: str) -> None:
    with pytest.raises(InvalidTarget) as raised:
        check_target(url)
    assert raised.value.status == 400
    assert raised.value.kind == "invalid-target"


def test_path_and_query_stay_as_they_are() -> None:
    url = "http://h.example/a/../b/./%7e//?q=%41&r=a+b&s=[1]"
    assert check_target(url).url == url
    assert URL(url, encoded=True).raw_path_qs == url.removeprefix("http://h.example")


PIECES = st.sampled_from(
    [
        *"aZ0.-:/?#@[]%\\ _\t",
        "http://",
        "https://",
        "127.0.0.1",
        "::1",
        "localhost",
        "0x7f",
        "é",
        "。",
    ]
)


@given(st.lists(PIECES, max_size=8).map("".join), st.booleans())
def test_what_passes_is_read_alike_by_other_parsers(rest: str, begin: bool) -> None:
    url = "http://" + rest if begin else rest
    try:
        target = check_target(url)
    except InvalidTarget:
        return
    theirs = urlsplit(url)
    assert theirs.username is None
    assert (theirs.port or {"http": 80, "https": 443}[theirs.scheme]) == target.port
    yarls = URL(target.url, encoded=True)
    assert yarls.raw_host == target.host
    assert yarls.port == target.port
    if not target.literal:
        assert theirs.hostname == target.host
