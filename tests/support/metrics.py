"""GET /metrics read by the parser of Prometheus' own client library."""

import time

from prometheus_client.parser import text_string_to_metric_families

from .waiting import wait_for

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Scrape:
    """
    families  name -> (type, help); a counter's name without its _total, as the parser gives it
    value()   of one sample; None where there is no such series
    """

    def __init__(self, api):
        answer = api.get("/metrics")
        assert answer.status == 200, answer
        assert answer.headers["Content-Type"] == CONTENT_TYPE
        self.text = answer.body.decode("utf-8")
        families = list(text_string_to_metric_families(self.text))
        self.families = {f.name: (f.type, f.documentation) for f in families}
        assert len(self.families) == len(families), "each family is declared once, its samples together"
        self.samples = [sample for f in families for sample in f.samples]
        keys = [(s.name, tuple(sorted(s.labels.items()))) for s in self.samples]
        assert len(set(keys)) == len(keys), "each series comes once"

    def find(self, name, **labels):
        return [s for s in self.samples if s.name == name and labels.items() <= s.labels.items()]

    def value(self, name, **labels):
        found = self.find(name, **labels)
        assert len(found) <= 1, found
        return found[0].value if found else None

    def sum(self, name, **labels):
        return sum(s.value for s in self.find(name, **labels))


def scrape(api):
    """A Scrape whose figures were read after this call: a server keeps for a while what the database was slow to answer."""
    called = time.monotonic()

    def read_since():
        sent = time.monotonic()
        found = Scrape(api)
        return found if sent - found.value("gmp_figures_age_seconds") >= called else None

    return wait_for(read_since, "figures that were read since", timeout=60)
