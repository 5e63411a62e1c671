"""Why Kafka does not answer, in librdkafka's words without secrets, and what to check."""

import re

from connectors.kafka_settings import SECRET, KafkaClient

MECHANISM = ("sasl.mechanism", "sasl.mechanisms")  # librdkafka takes both
_NOISE = re.compile(
    r" \(after \d+ms in state \w+\)|/bootstrap(?=:)| \(install ca-certificates .*\)"
)
_LOGIN = "check sasl.mechanism, sasl.username and sasl.password"
_TOKEN = "check what sasl.oauthbearer.* properties say, and that the brokers trust who signs"  # noqa: S105
_PROTOCOL = "check that security.protocol is the listener's, unless Kafka is restarting"
_HINTS = (  # the first that is found
    (r"SASL authentication error|OAUTHBEARER token", _LOGIN),
    (r"certificate verify failed", "check ssl.ca.location: it must hold who signed the brokers'"),
    (
        r"alert.* (certificate|unknown ca)|alert handshake failure",
        "the brokers want a certificate that they trust: check ssl.certificate.location and "
        "ssl.key.location",
    ),
    (r"PLAINTEXT broker listener|wrong version|connection was closed|(Send|Receive) f", _PROTOCOL),
    (r"resolve", "check the names in brokers"),
    (r"refused|timed out|No route", "check brokers, and that Kafka runs there"),
    (r"not authorized|authorization failed", "the topic must be described and read: check ACLs"),
)


def explained(reason: str, settings: KafkaClient) -> str:
    """Return a reason of librdkafka's on one line, without secrets, and with what to check."""
    said = scrubbed(reason, settings)
    for pattern, hint in _HINTS:
        if re.search(pattern, said):
            token = any(settings.properties.get(name) == "OAUTHBEARER" for name in MECHANISM)
            return f"{said}: {_TOKEN if hint is _LOGIN and token else hint}"
    return said


def scrubbed(text: str, settings: KafkaClient) -> str:
    """Return `text` on one line, with the values of secret properties replaced by "***"."""
    text = _NOISE.sub("", text)
    for name, value in settings.properties.items():
        if SECRET.search(name) and isinstance(value, str) and value:
            text = text.replace(value, "***")
    return " ".join(text.split())
