"""A broker that wants to know who you are: SASL, TLS, and both, with certificates made here."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kafka.broker import Broker, BrokerError

USER, PASSWORD = "ops", "right-password"  # of the tests' own broker
PASSPHRASE = "of-the-key"  # noqa: S105  # the same
LISTENERS = {"SASL": "SASL_PLAINTEXT", "TLS": "SSL", "BOTH": "SASL_SSL"}
_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_MODULES = "org.apache.kafka.common.security"


class Certificates:
    """Files in a folder: an authority, a key and certificate of broker and client; a stranger.

    `client.locked.key` is the client's key behind PASSPHRASE.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority("ca")
        self._authority("stranger")
        self._signed("broker")
        self._signed("client")
        store = self.path("broker.key").read_text() + self.path("broker.pem").read_text()
        self.path("broker.store").write_text(store)
        locked = ("-topk8", "-in", "client.key", "-out", "client.locked.key")
        self._openssl("pkcs8", *locked, "-passout", f"pass:{PASSPHRASE}")

    def path(self, name: str) -> Path:
        """Return where a file is."""
        return self._folder / name

    def _authority(self, name: str) -> None:
        out = ("-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}")
        self._openssl("req", "-x509", *_CURVE, *out, "-days", "2")

    def _signed(self, name: str) -> None:
        out = ("-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        self._openssl("req", *_CURVE, *out)
        self.path("names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost")
        by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
        out = ("-in", f"{name}.csr", "-out", f"{name}.pem", "-days", "2")
        self._openssl("x509", "-req", *out, *by)

    def _openssl(self, *args: str) -> None:
        if shutil.which("openssl") is None:
            raise BrokerError("openssl not found")
        done = subprocess.run(
            ["openssl", *args], cwd=self._folder, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise BrokerError(f"openssl {args[0]}: {done.stderr[-300:]}")


@contextmanager
def secured(certificates: Certificates) -> Iterator[Broker]:
    """Yield a broker with listeners SASL, TLS (wants a client's certificate) and BOTH."""
    properties = {
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(certificates.path("broker.store")),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(certificates.path("ca.pem")),
        "listener.name.tls.ssl.client.auth": "required",
    }
    for listener in ("sasl", "both"):
        for mechanism, module in {
            "plain": f'plain.PlainLoginModule required user_{USER}="{PASSWORD}"',
            "scram-sha-256": "scram.ScramLoginModule required",
            "scram-sha-512": "scram.ScramLoginModule required",
            "oauthbearer": "oauthbearer.OAuthBearerLoginModule required",
        }.items():
            name = f"listener.name.{listener}.{mechanism}.sasl.jaas.config"
            properties[name] = f"{_MODULES}.{module};"
    with Broker(properties, LISTENERS, users={USER: PASSWORD}) as broker:
        yield broker
