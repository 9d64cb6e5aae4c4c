"""Fixtures: one PostgreSQL for the run, one database per test (or module) copied from a migrated template."""

import itertools
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from support.postgres import Cluster  # noqa: E402
from support.programs import SERVER, System, run_program  # noqa: E402
from support.relay import Relay  # noqa: E402
from support.smtpsink import SmtpSink  # noqa: E402
from support.store import Store  # noqa: E402
from support.tls import Authority  # noqa: E402

TEMPLATE = "mailproxy_template"
_database_number = itertools.count(1)
_running = []  # the systems whose logs belong to a failure's report


@pytest.fixture(scope="session")
def cluster():
    cluster = Cluster()
    yield cluster
    cluster.close()


@pytest.fixture(scope="session")
def template(cluster):
    """The name of a database that is migrated and has no connections."""
    url = cluster.create_database(TEMPLATE)
    done = run_program(SERVER, "migrate", GMP_DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    return TEMPLATE


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


def _new_database(cluster, template):
    name = f"test{next(_database_number)}"
    return name, cluster.create_database(name, template)


@pytest.fixture
def database(cluster, template):
    """The URL of a migrated database of the test's own."""
    name, url = _new_database(cluster, template)
    yield url
    cluster.drop_database(name)


@pytest.fixture
def empty_database(cluster):
    name, url = _new_database(cluster, "template0")
    yield url
    cluster.drop_database(name)


@pytest.fixture
def new_system(database, tmp_path):
    """new_system(workers=1, GMP_...=...) starts a server and workers on the test's database."""
    systems = []

    def start(workers=1, **settings):
        directory = tmp_path / f"system{len(systems)}"
        directory.mkdir()
        system = System(database, directory, **settings)
        systems.append(system)
        _running.append(system)
        system.start_server()
        for _ in range(workers):
            system.start_worker()
        return system

    yield start
    for system in systems:
        system.close()
        if system in _running:
            _running.remove(system)


@pytest.fixture(scope="module")
def served(cluster, template, tmp_path_factory):
    """A server without workers for a whole module: for what the API alone answers."""
    name, url = _new_database(cluster, template)
    system = System(url, tmp_path_factory.mktemp("served"))
    _running.append(system)
    system.start_server()
    yield system
    system.close()
    if system in _running:
        _running.remove(system)
    cluster.drop_database(name)


@pytest.fixture
def new_relay():
    """new_relay(...) starts a scripted relay (support.relay.Relay)."""
    relays = []

    def start(*args, **kwargs):
        relays.append(Relay(*args, **kwargs))
        return relays[-1]

    yield start
    for relay in relays:
        relay.close()


@pytest.fixture
def relay(new_relay):
    return new_relay()


@pytest.fixture
def new_store():
    stores = []

    def start(*args, **kwargs):
        stores.append(Store(*args, **kwargs))
        return stores[-1]

    yield start
    for store in stores:
        store.close()


@pytest.fixture
def store(new_store):
    return new_store()


@pytest.fixture
def smtp_sink(tmp_path):
    sink = SmtpSink(tmp_path)
    yield sink
    sink.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        report.sections.extend(("log of " + p.name, p.log()[-6000:]) for system in _running for p in system.programs)
    if report.failed and report.when == "teardown":
        _running.clear()  # a system that did not end well is not shown again with every later failure
