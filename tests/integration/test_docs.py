"""The examples of docs/*.md give the answers that are written there. ./dev docs writes them anew."""

import os
import re

import psycopg
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


@pytest.mark.parametrize("document, least", [("docs/api.md", 12), ("docs/sql-api.md", 8)])
def test_every_example_gives_the_answer_that_is_written(new_system, relay, store, document, least):
    system = new_system(workers=0)
    path = os.path.join(ROOT, document)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    names = [("https://shop.example.com/mp", store.url), ("2525", str(relay.port))]
    database = psycopg.conninfo.conninfo_to_dict(system.database_url)
    environment = {"API": system.api.url, "ADMIN": ADMIN_TOKEN, "PGHOST": database["host"], "PGDATABASE": database["dbname"],
                   "PGUSER": database["user"]}
    today, differing = examples.run_all(text, environment, names, {"work": lambda: drain(system)})
    if REWRITE:
        with open(path, "w", encoding="utf-8") as file:
            file.write(today)
        return
    assert not differing, "\n".join(f"{command}\n written: {written}\n given:   {given}" for command, written, given in differing)
    assert sum(isinstance(p, examples.Example) for p in examples.parse(text)) >= least


@pytest.mark.parametrize("document", ["api.md", "sql-api.md"])
def test_a_document_is_put_together_again_as_it_was_taken_apart(document):
    text = read("docs", document)
    assert examples.join(examples.parse(text)) == text


def read(*names):
    with open(os.path.join(ROOT, *names), encoding="utf-8") as file:
        return file.read()


def rows_of_the_readme():
    """[the cells of each row] of the tables that say what is tested where."""
    lines = read("tests", "integration", "README.md").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def test_every_heading_and_every_promise_is_in_the_table_of_what_is_tested_where():
    listed = {cells[0] for cells in rows_of_the_readme()}
    without_examples = re.sub(r"^```.*?^```$", "", read("docs", "api.md"), flags=re.M | re.S)
    headings = re.findall(r"^##+ (.*)$", without_examples, re.M)
    promises = [" ".join(p.split()).rstrip(".,") for p in re.findall(r"^\d+\. \*\*(.*?)\*\*", read("ARCHITECTURE.md"), re.M | re.S)]
    assert len(headings) > 10 and len(promises) > 5
    assert [h for h in headings + promises if h not in listed] == []


def test_every_file_in_that_table_exists_and_no_row_is_without_one():
    for cells in rows_of_the_readme():
        files = re.findall(r"`([^`]+\.\w+)`", cells[-1])
        assert files or cells[-1] in ("where", "---"), cells
        for name in files:
            assert os.path.exists(os.path.join(ROOT, "tests", "integration", name)), (cells[0], name)
