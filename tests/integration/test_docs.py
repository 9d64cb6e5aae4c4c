"""The examples of docs/*.md give the answers that are written there. ./dev docs writes them anew."""

import os

import pytest

from support import examples
from support.builds import ROOT
from support.programs import ADMIN_TOKEN
from support.waiting import wait_for

REWRITE = os.environ.get("MAILPROXY_REWRITE_DOCS") == "1"


def drain(system):
    """A worker does all there is to do."""
    if not system.workers:
        system.start_worker()
    wait_for(lambda: system.value("SELECT count(*) = 0 FROM mailproxy.queue WHERE state IN ('ready', 'leased')")
             and system.value("SELECT count(*) = 0 FROM mailproxy.event WHERE reported_at IS NULL")
             and system.value("SELECT count(*) = 0 FROM mailproxy.tenant_sync JOIN mailproxy.tenant USING (tenant_id)"
                              " WHERE client_base_url IS NOT NULL AND (lease_token IS NOT NULL OR news_seq > told_seq)"),
             "everything to be sent and reported")


@pytest.mark.parametrize("document", ["docs/api.md"])
def test_every_example_gives_the_answer_that_is_written(new_system, relay, store, document):
    system = new_system(workers=0)
    path = os.path.join(ROOT, document)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    names = [("https://shop.example.com/mp", store.url), ("2525", str(relay.port))]
    environment = {"API": system.api.url, "ADMIN": ADMIN_TOKEN}
    today, differing = examples.run_all(text, environment, names, lambda: drain(system))
    if REWRITE:
        with open(path, "w", encoding="utf-8") as file:
            file.write(today)
        return
    assert not differing, "\n".join(f"{command}\n written: {written}\n given:   {given}" for command, written, given in differing)
    assert sum(isinstance(p, examples.Example) for p in examples.parse(text)) >= 12


def test_a_document_is_put_together_again_as_it_was_taken_apart():
    with open(os.path.join(ROOT, "docs", "api.md"), encoding="utf-8") as file:
        text = file.read()
    assert examples.join(examples.parse(text)) == text
