"""Certificate files: what is wrong with them, and how they are exchanged under a process."""

import logging
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from duologue.certificate_files import CertificateFiles, PemFile
from duologue.certificates import LOOK_EVERY_MS, Certificates, cluster_certificates
from duologue.clock import ManualClock
from duologue.cluster_settings import ClusterSettings
from duologue.errors import InvalidSetting
from tests.certificates import Authority, Pair

NAME = "duologue.internal"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("pki") / "ours")


@pytest.fixture
def pair(authority: Authority, tmp_path: Path) -> Pair:
    """A good one, whose files are the test's own."""
    pair = Pair(tmp_path / "tls.crt", tmp_path / "tls.key")
    pair.replace(authority.sign("good"))
    return pair


def _files(pair: Pair, ca: Path, name: str | None = NAME) -> CertificateFiles:
    return CertificateFiles(
        PemFile("cluster.certificate", pair.certificate),
        PemFile("cluster.key", pair.key),
        PemFile("cluster.ca", ca),
        name,
    )


def _no_pem(pair: Pair, authority: Authority) -> str:
    pair.certificate.write_text("certificate")
    return r"cluster\.certificate must be a PEM file with certificates: .*tls\.crt"


def _no_key(pair: Pair, authority: Authority) -> str:
    pair.key.write_text("key")
    return r"cluster\.key must be a PEM file with a key: .*tls\.key"


def _missing(pair: Pair, authority: Authority) -> str:
    pair.key.unlink()
    return r"cluster\.key must be a file that can be read \(No such file or directory\): .*tls\.key"


def _other_key(pair: Pair, authority: Authority) -> str:
    pair.key.write_bytes(authority.sign("other").key.read_bytes())
    return r"cluster\.key must be the key of the certificate in .*tls\.crt: .*tls\.key"


def _encrypted(pair: Pair, authority: Authority) -> str:
    command = ("openssl", "ec", "-aes256", "-passout", "pass:secret")
    files = ("-in", str(pair.key), "-out", str(pair.key))
    subprocess.run((*command, *files), check=True, capture_output=True)
    return r"cluster\.key must not be encrypted: .*tls\.key"


def _weak(pair: Pair, authority: Authority) -> str:
    command = ("openssl", "req", "-x509", "-newkey", "rsa:512", "-nodes", "-subj", "/CN=weak")
    files = ("-keyout", str(pair.key), "-out", str(pair.certificate))
    subprocess.run((*command, *files), check=True, capture_output=True)
    return r"cluster\.certificate must be of a strong key and digest .*: .*tls\.crt"


def _expired(pair: Pair, authority: Authority) -> str:
    pair.replace(authority.sign("old", days=-1))
    return r"cluster\.certificate must be valid at .* UTC \(certificate has expired\): .*tls\.crt"


def _other_name(pair: Pair, authority: Authority) -> str:
    pair.replace(authority.sign("named", "DNS:elsewhere.internal"))
    return r"cluster\.certificate must be for the name duologue\.internal \(cluster\.name\)"


def _of_another(pair: Pair, authority: Authority) -> str:
    pair.replace(Authority.make(pair.key.parent / "theirs").sign("alien"))
    return r"cluster\.certificate must be signed by .*ca\.pem .*\(unable to get local issuer"


@pytest.mark.parametrize(
    "spoil",
    [
        *(_no_pem, _no_key, _missing, _other_key, _encrypted, _weak, _expired),
        *(_other_name, _of_another),
    ],
)
def test_what_is_wrong_is_named(
    spoil: Callable[[Pair, Authority], str], pair: Pair, authority: Authority
) -> None:
    files = _files(pair, authority.certificate)
    files.read()
    words = spoil(pair, authority)
    with pytest.raises(InvalidSetting, match=words):
        files.read()


def test_a_ca_that_is_none(pair: Pair, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(InvalidSetting, match=r"cluster\.ca must be a PEM file with certificates"):
        _files(pair, tmp_path / "ca.pem").read()


def test_a_server_certificate_may_be_anybodys(pair: Pair, tmp_path: Path) -> None:
    """The CA is that of clients, if there is no name."""
    clients = Authority.make(tmp_path / "clients")
    assert _files(pair, clients.certificate, None).read().ca == clients.certificate.read_bytes()
    pair.replace(clients.sign("old", days=-1))
    with pytest.raises(InvalidSetting, match="certificate has expired"):
        _files(pair, clients.certificate, None).read()


def test_files_that_change_are_taken(pair: Pair, authority: Authority) -> None:
    clock = ManualClock()
    certificates = Certificates(_files(pair, authority.certificate), clock)
    first = certificates.current()
    renewed = authority.sign("renewed")
    pair.replace(renewed)
    assert certificates.current() is first  # it is not looked so often
    clock.advance(LOOK_EVERY_MS)
    second = certificates.current()
    assert (second.certificate, second.key) == (
        renewed.certificate.read_bytes(),
        renewed.key.read_bytes(),
    )
    clock.advance(LOOK_EVERY_MS)
    assert certificates.current() is second


def test_bad_files_change_nothing_and_are_told_of_once(
    pair: Pair, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock()
    certificates = Certificates(_files(pair, authority.certificate), clock)
    first = certificates.current()
    good = (pair.certificate.read_bytes(), pair.key.read_bytes())
    pair.key.write_text("half a k")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            clock.advance(LOOK_EVERY_MS)
            assert certificates.current() is first
    why = f"cluster.key must be a PEM file with a key: {pair.key}"
    told = [record.getMessage() for record in caplog.records]
    assert told == [f"the certificate from before is kept: {why}"]
    pair.certificate.write_bytes(good[0])
    pair.key.write_bytes(good[1])
    os.utime(pair.key, (1, 1))
    clock.advance(LOOK_EVERY_MS)
    assert certificates.current().key == good[1]


def test_the_time_that_is_left(pair: Pair, authority: Authority) -> None:
    settings = ClusterSettings(str(pair.certificate), str(pair.key), str(authority.certificate))
    certificates = cluster_certificates(settings)
    assert certificates is not None
    assert 86_400 < certificates.left_s() <= 2 * 86_400
    assert cluster_certificates(ClusterSettings()) is None


def test_settings_that_cannot_be_meant() -> None:
    with pytest.raises(InvalidSetting, match="must be set all three, or none of them"):
        ClusterSettings(certificate="a", key="b")
    for name in ("Capital.internal", "", "two words", "-a"):
        with pytest.raises(InvalidSetting, match=r"cluster\.name must be a DNS name"):
            ClusterSettings(name=name)
