"""The settings of the cluster's identity: by which its processes know each other."""

import re
from dataclasses import dataclass

from duologue.setting_checks import check

_DNS_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9-]{1,63})*")
_NAME_RULE = "a DNS name in small letters"


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """With a certificate, its key and the CA, the processes of a cluster speak mutual TLS with each
    other. The files are at the same paths on all nodes, and are read again when they change."""

    certificate: str | None = None
    """PEM file with the certificate chain that every process of the cluster shows the others."""
    key: str | None = None
    """PEM file with the certificate's key."""
    ca: str | None = None
    """PEM file with the authorities that sign such certificates, and nobody else's."""
    name: str = "duologue.internal"
    """The DNS name in the certificate (subject alternative name): who has another one is refused,
    whoever signed it."""
    metrics_name: str | None = None
    """A further name, of those who may read metrics and do nothing else: Prometheus's."""

    def __post_init__(self) -> None:
        files = (self.certificate, self.key, self.ca)
        is_whole = all(files) or not any(each is not None for each in files)
        rule = "set all three, or none of them"
        check(is_whole, "cluster.certificate, cluster.key and cluster.ca", rule, files)
        check(_DNS_NAME.fullmatch(self.name) is not None, "cluster.name", _NAME_RULE, self.name)
        if self.metrics_name is not None:
            is_name = _DNS_NAME.fullmatch(self.metrics_name) is not None
            check(is_name, "cluster.metrics_name", _NAME_RULE, self.metrics_name)
