from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from doorward.actors.journal import Ending
from doorward.actors.redis_journal import RedisJournal
from tests.actors import redis_fleet
from tests.actors.committing import Owner, unreachable
from tests.actors.redis_fleet import SERVICE
from tests.actors.redis_node import WAIT_SECONDS
from tests.actors.store_client import cluster_client, master_client


@pytest.fixture
def tls(tmp_path: Path) -> dict[str, str]:
    """Make a certificate for this machine, and say to a server where it is."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = tmp_path / "server.pem", tmp_path / "server.key"
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return {
        "tls-cert-file": str(certificate),
        "tls-key-file": str(secret),
        "tls-ca-cert-file": str(certificate),
        "tls-auth-clients": "no",
        "tls-replication": "yes",
    }


async def test_a_cluster_is_spoken_to_in_tls_and_only_if_it_is_who_it_says(
    tls: dict[str, str],
) -> None:
    settings = tls | {"tls-cluster": "yes"}
    with redis_fleet.cluster(masters=1, tls=settings) as fleet:
        url = f"rediss+cluster://127.0.0.1:{fleet.masters[0].tls_port}"
        async with cluster_client(f"{url}?ssl_ca_certs={tls['tls-ca-cert-file']}") as store:
            owner = await Owner(RedisJournal(store, timeout_seconds=WAIT_SECONDS)).take(1, 2)
            put = await owner.put(b"1", 1, 2)
        async with cluster_client(url) as store:
            await unreachable(RedisJournal(store, timeout_seconds=WAIT_SECONDS).open())

    assert put == [Ending.COMMITTED] * 2


async def test_a_master_and_its_sentinels_are_spoken_to_in_tls_and_only_if_they_are_who_they_say(
    tls: dict[str, str],
) -> None:
    with redis_fleet.watched(tls=tls) as fleet:
        url = f"rediss+sentinel://127.0.0.1:{fleet.sentinel.tls_port}/{SERVICE}"
        async with master_client(f"{url}?ssl_ca_certs={tls['tls-ca-cert-file']}") as store:
            owner = await Owner(RedisJournal(store, timeout_seconds=WAIT_SECONDS)).take(1, 2)
            put = await owner.put(b"1", 1, 2)
        async with master_client(url) as store:
            await unreachable(RedisJournal(store, timeout_seconds=WAIT_SECONDS).open())

    assert put == [Ending.COMMITTED] * 2
