"""A certificate that the exchange makes for itself, and the trust of this machine's own programs in what it serves."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from infra.embedded.files import replace_private
from infra.problem import Problem

FOLDER: Final = "tls"
CERTIFICATE_FILE: Final = "certificate.pem"
KEY_FILE: Final = "key.pem"

# Some clients refuse certificates that are valid for longer than about thirteen months.
VALID_DAYS: Final = 396
RENEW_DAYS_BEFORE: Final = 30
_LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")


class CertificateProblem(Problem):
    """A certificate or key that cannot be served."""


class CertificateFiles(NamedTuple):
    """Where a certificate (with its chain) and its key are, both PEM."""

    certificate: Path
    key: Path


def own_certificate(data_dir: Path, host: str) -> CertificateFiles:
    """Return the data directory's self-signed certificate.

    It is made anew when there is none, it ends soon, it names other hosts than this machine's, or it is damaged.
    """
    folder = data_dir / FOLDER
    files = CertificateFiles(folder / CERTIFICATE_FILE, folder / KEY_FILE)
    names = _names(host)
    if not _is_good(files, names):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(files, names)
    return files


def check_certificate(files: CertificateFiles) -> None:
    """Raise CertificateProblem unless key and certificate belong together and the certificate is valid now."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(files.certificate, files.key, password="")
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    except (OSError, ValueError) as error:
        raise CertificateProblem(
            f"MOCKX_TLS_CERT and MOCKX_TLS_KEY cannot be used ({error}): name a certificate and its key, "
            "as PEM files without a password"
        ) from error
    if certificate.not_valid_after_utc < datetime.datetime.now(datetime.UTC):
        raise CertificateProblem(f"{files.certificate} ended at {certificate.not_valid_after_utc}: renew it")


def trusting(certificate: Path) -> ssl.SSLContext:
    """Return a context that trusts this very certificate, whoever signed it and whatever host it names.

    It is meant for this machine's own programs, which reach a gateway on loopback by another name than clients do.
    """
    return _trusting(certificate, certificate.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _trusting(certificate: Path, _changed_ns: int) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certificate))
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.check_hostname = False
    return context


def _names(host: str) -> list[str]:
    """Return what clients may call this machine, without repetition."""
    own = [*_LOOPBACK_NAMES, socket.gethostname(), host]
    return [name for name in dict.fromkeys(own) if name and name not in {"0.0.0.0", "::"}]  # noqa: S104


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _is_good(files: CertificateFiles, names: list[str]) -> bool:
    try:
        check_certificate(files)
    except CertificateProblem:
        return False
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return left.days >= RENEW_DAYS_BEFORE and set(map(_general_name, names)) <= set(named)


def _make(files: CertificateFiles, names: list[str]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "MockExchange")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoded_key = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    replace_private(files.key, encoded_key.decode())
    replace_private(files.certificate, certificate.public_bytes(serialization.Encoding.PEM).decode())
    # Unlike the key, the certificate is there to be read by clients of other users.
    files.certificate.chmod(0o644)
