"""Every named statement fits the schema: prepared on a freshly migrated database, as the programs do it."""

import pathlib
import re

import psycopg
import pytest
from support.builds import ROOT

FILES = sorted(pathlib.Path(ROOT, "sql", "statements").glob("*/*.sql"))
# These ask whether there is a schema at all, and run before the first migration.
BEFORE_THE_SCHEMA = {"find_schema"}


def name_of(path):
    return f"{path.parent.name}/{path.stem}"


@pytest.fixture(scope="module")
def connection(cluster, template):
    url = cluster.create_database("statements", template)
    with psycopg.connect(url, autocommit=True) as conn:
        yield conn
    cluster.drop_database("statements")


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_statement_is_prepared_on_a_fresh_schema(path, connection):
    connection.execute(f'PREPARE "{path.stem}" AS {path.read_text()}')


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_statement_says_what_it_does_and_who_calls_it(path):
    head = [line for line in path.read_text().splitlines() if line.startswith("--")]
    assert head and head[0].startswith(f"-- {path.stem}: "), "the first line is '-- <name>: <what it does>'"
    assert any(line.startswith("-- Rows") for line in head), "the head says what rows come back"
    assert any(line.startswith("-- Called by: ") for line in head), "the head names its caller"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_parameters_are_consecutive_cast_and_described(path):
    text = path.read_text()
    head = "\n".join(line for line in text.splitlines() if line.startswith("--"))
    code = re.sub(r"--[^\n]*", "", text)
    used = {int(n) for n in re.findall(r"\$(\d+)", code)}
    assert used == set(range(1, len(used) + 1))
    uncast = [m.group(0) for m in re.finditer(r"\$\d+(?!\d|::)", code)]
    assert uncast == [], "every parameter carries its type"
    described = {int(n) for n in re.findall(r"\$(\d+)", head)}
    for first, last in re.findall(r"\$(\d+)\s*(?:\.\.|-|–)\s*\$(\d+)", head):
        described |= set(range(int(first), int(last) + 1))
    assert used <= described, "the head describes every parameter"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_names_are_qualified(path):
    """search_path is nobody's business: every table and function of ours is written mailproxy.x."""
    if path.stem in BEFORE_THE_SCHEMA:
        return
    code = re.sub(r"'(?:[^']|'')*'", "''", re.sub(r"--[^\n]*", "", path.read_text()))
    tables = "tenant tenant_sync account account_state message message_body message_attachment queue attempt event worker rate_bucket account_counter attempt_counter"
    for table in tables.split():
        bare = re.search(rf"\b(?:FROM|JOIN|UPDATE|INTO)\s+{table}\b(?!\s*\()", code)
        ours = re.search(rf"\b{table}\s+(?:\([^)]*\)\s+)?AS\s+(?:NOT\s+)?(?:MATERIALIZED\s+)?\(", code)
        assert not bare or ours, f"{bare.group(0)!r} lacks mailproxy."
