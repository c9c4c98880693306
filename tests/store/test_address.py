"""The forms of `store.url`: what they mean, and what is said of others."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.errors import InvalidSetting
from duologue.service_settings import StoreSettings
from duologue.store.address import StoreAddress

SECRET = "correct-horse"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://host", "redis://host:6379"),
        ("redis://", "redis://localhost:6379"),
        ("redis://:pw@host:1/3", "redis://host:1/3"),
        ("redis://[::1]:1", "redis://[::1]:1"),
        ("rediss://user:pw@host?db=2", "rediss://host:6379/2"),
        ("unix:///run/valkey.sock?db=1", "unix:///run/valkey.sock"),
        ("redis+sentinel://u:p@a:1,b/main", "redis+sentinel://a:1,b:26379/main"),
        ("rediss+sentinel://a/main/2", "rediss+sentinel://a:26379/main/2"),
        ("redis+cluster://:pw@a,b:7", "redis+cluster://a:6379,b:7"),
        ("rediss+cluster://a/", "rediss+cluster://a:6379"),
    ],
)
def test_urls_are_shown_without_passwords(url: str, shown: str) -> None:
    assert str(StoreAddress.parse(url)) == shown
    assert StoreSettings(url=url).url == url


def test_all_parts_are_read() -> None:
    address = StoreAddress.parse(
        "rediss+sentinel://us%40er:p%2Fw@[::1]:1,b/main/5"
        "?ssl_ca_certs=/etc/ca.pem&ssl_check_hostname=false"
    )
    assert address.places == (("::1", 1), ("b", 26379))
    assert (address.username, address.password) == ("us@er", "p/w")
    assert (address.service, address.db, address.has_tls) == ("main", 5, True)
    assert address.tls == {"ssl_ca_certs": "/etc/ca.pem", "ssl_check_hostname": False}
    assert StoreAddress.parse("unix://:pw@/run/s").password == "pw"
    assert StoreAddress.parse("unix:///run/s?password=pw&db=3").db == 3


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://host", "must begin with redis://, .* or rediss\\+cluster://"),
        ("host:6379", "must begin with redis://"),
        ("redis:host", "must begin with redis://"),
        ("redis://a,b", "must name one server .*redis\\+cluster://"),
        ("redis://host:0", "must have ports from 1 to 65535, not 0"),
        ("redis://host:x", "must have ports from 1 to 65535"),
        ("redis://::1", "must have an IPv6 address in brackets"),
        ("redis://host/name", "must name a database by its number"),
        ("redis://host?socket_timeout=60", "must have no option 'socket_timeout' .*db"),
        ("redis://host?ssl_ca_certs=a", "must have no option 'ssl_ca_certs'"),
        ("rediss://host?ssl_cert_reqs=maybe", "must have required, optional or none as"),
        ("rediss://host?ssl_ca_certs=", "must have a text as ssl_ca_certs"),
        ("unix://run/s", "must have the socket's whole path"),
        ("redis+sentinel://a,b", "must say which service .*redis\\+sentinel://HOST:PORT"),
        ("redis+sentinel://a,/main", "must name each sentinel's host"),
        ("redis+cluster://a/1", "must end with its servers"),
        ("redis+cluster://a?db=1", "must end with its servers"),
    ],
)
def test_others_are_refused(url: str, said: str) -> None:
    with pytest.raises(InvalidSetting, match=f"^store.url {said}"):
        StoreSettings(url=url)


@pytest.mark.parametrize(
    "url",
    [
        f"http://user:{SECRET}@host",
        f"redis://user:{SECRET}",
        f"redis://:{SECRET}",
        f"redis://:{SECRET}@host:x",
        f"redis://:a/{SECRET}@host",
        f"redis://:a@{SECRET}/b@host",
        f"redis://:a#{SECRET}@host",
        f"redis://:[{SECRET}@host",
        f"redis+sentinel://:{SECRET}@host",
        f"redis+cluster://:{SECRET}@host/{SECRET}",
    ],
)
def test_no_refusal_tells_a_password(url: str) -> None:
    with pytest.raises(InvalidSetting) as refusal:
        StoreSettings(url=url)
    assert SECRET not in str(refusal.value)


def test_settings_and_addresses_do_not_show_passwords() -> None:
    url = f"redis+cluster://user:{SECRET}@host"
    assert SECRET not in f"{StoreSettings(url=url)!r} {StoreAddress.parse(url)!r}"


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    for url in (text, f"redis://{text}", f"redis+sentinel://{text}", f"rediss://host?{text}"):
        with suppress(InvalidSetting):
            address = StoreAddress.parse(url)
            assert StoreAddress.parse(str(address)).places == address.places
