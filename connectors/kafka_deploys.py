"""A topic in which pipelines announce deploys: records of JSON lines, on any partition."""

from connectors.deploy_lines import heard
from connectors.kafka_client import Contact, KafkaUnavailableError, find_partitions, make_consumer
from connectors.kafka_control_log import KafkaTail
from connectors.kafka_settings import KafkaClient, check_topic
from connectors.kafka_to_end import read_topic
from schema import Deploy


class DeploysTopic(KafkaClient, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="kafka"):
    """The topic and how it is reached."""

    topic: str

    def __post_init__(self) -> None:
        super().__post_init__()
        check_topic("topic", self.topic)


def read_deploys_topic(settings: DeploysTopic) -> list[Deploy]:
    """Return what the topic holds now.

    Raises: KafkaUnavailableError if it cannot be read, or there is none.
    """
    records = read_topic(settings, settings.topic)
    return [deploy for where, value in records for deploy in heard(value, where)]


def deploy_tails(settings: DeploysTopic) -> "list[DeployPartition]":
    """Open each partition at its beginning.

    Raises: KafkaUnavailableError if no broker answers, or there is no such topic.
    """
    contact = Contact(f"kafka:{settings.topic}", settings)
    consumer = make_consumer(settings, contact)
    try:
        partitions = find_partitions(settings, contact, consumer, settings.topic)
    finally:
        consumer.close()
    if partitions is None:
        raise KafkaUnavailableError(f"kafka:{settings.topic}: no such topic at {settings.brokers}")
    return [DeployPartition(settings, partition) for partition in partitions]


class DeployPartition:
    """One partition, read on and on."""

    def __init__(self, settings: DeploysTopic, partition: int) -> None:
        self._tail = KafkaTail(settings, settings.topic, None, heard, partition)

    def read(self) -> list[Deploy] | None:
        """Return the deploys of new records; None while the brokers do not answer."""
        found = self._tail.read()
        return None if found is None else [deploy for each in found for deploy in each]

    def close(self) -> None:
        """Close the consumer."""
        self._tail.close()
