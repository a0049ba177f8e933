"""One container's log, read once however often the connection breaks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipelines.job.cluster import Cluster
from pipelines.job.refusal import Asked

_STAMPED = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d) ?(.*)", re.S)


class LogReader:
    """Remembers how far the log was read.

    The API resumes at a whole second. So the lines of the last second are counted, and as many
    are left out when they come again.

    Attributes:
        failures: how often the connection broke since the last line.
    """

    def __init__(self, pod: str, container: str, namespace: str) -> None:
        self._asked = Asked(verb="get", resource="pods/log", namespace=namespace, name=pod)
        self._container = container
        self._second = ""
        self._seen = 0
        self.failures = 0

    def lines(self, cluster: Cluster) -> Iterator[str]:
        """What was not read yet, until the container ends.

        Raises:
            UnavailableError: the connection broke: call again.
            ClusterRefusalError: there is no log (any more).
        """
        query = [("container", self._container), ("follow", "true"), ("timestamps", "true")]
        if self._second:
            query.append(("sinceTime", self._second))
        again = self._seen
        self.failures += 1
        for line in cluster.lines(self._asked, query):
            self.failures = 1
            if again:
                again -= 1
                continue
            stamped = _STAMPED.fullmatch(line)
            if stamped and (second := stamped[1] + stamped[2]) != self._second:
                self._second, self._seen = second, 0
            self._seen += 1
            yield stamped[3] if stamped else line
        self.failures = 0
