"""
Fixtures: one PostgreSQL for each process of the run, and in it a database per test (or module) copied from a migrated
template. Tests that need no settings of their own share one system per module and have a tenant each.
"""

import contextlib
import itertools
import os
import re
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from support.builds import SERVER  # noqa: E402
from support.postgres import Cluster  # noqa: E402
from support.programs import System, run_program  # noqa: E402
from support.relay import Relay  # noqa: E402
from support.smtpsink import SmtpSink  # noqa: E402
from support.store import Store  # noqa: E402
from support.tls import Authority  # noqa: E402

TEMPLATE = "mailproxy_template"
_database_number = itertools.count(1)
_tenant_number = itertools.count(1)
_running = []  # the systems whose logs belong to a failure's report


@pytest.fixture(scope="session")
def cluster():
    cluster = Cluster(in_memory=True, **Cluster.VOLATILE)
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def durable_cluster():
    """One that tests may stop and start, with PostgreSQL's own settings for what must survive."""
    cluster = Cluster()
    _migrate(cluster)
    yield cluster
    cluster.close()


@pytest.fixture(scope="session")
def template(cluster):
    """The name of a database that is migrated and has no connections."""
    _migrate(cluster)
    return TEMPLATE


def _migrate(cluster):
    done = run_program(SERVER, "migrate", GMP_DATABASE_URL=cluster.create_database(TEMPLATE))
    assert done.returncode == 0, done.stderr
    cluster.create_logins()


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
def durable_database(durable_cluster):
    name, url = _new_database(durable_cluster, TEMPLATE)
    yield url
    durable_cluster.drop_database(name)


@pytest.fixture
def new_system(request, tmp_path):
    """new_system(workers=1, GMP_...=...) starts a server and workers on the test's database."""
    durable = "durable_database" in request.fixturenames
    database = request.getfixturevalue("durable_database" if durable else "database")
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
        if system in _running:
            _running.remove(system)
        system.close()


@pytest.fixture(scope="module")
def served(cluster, template, tmp_path_factory):
    """A server without workers for a whole module: for what the API alone answers."""
    with _module_system(cluster, template, tmp_path_factory) as system:
        yield system


@pytest.fixture
def acme(served, request):
    """A tenant of the test's own, with an account `main`."""
    api = served.add_tenant(re.sub(r"\W", "-", request.node.name)[:60])
    assert api.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9}).status == 200
    return api


@pytest.fixture(scope="module")
def shared(cluster, template, tmp_path_factory):
    """A server and a worker for a whole module; each test has tenants, relays and stores of its own: see new_tenant."""
    with _module_system(cluster, template, tmp_path_factory) as system:
        system.start_worker()
        yield system


@contextlib.contextmanager
def _module_system(cluster, template, tmp_path_factory):
    name, url = _new_database(cluster, template)
    system = System(url, tmp_path_factory.mktemp("system"))
    _running.append(system)
    system.start_server()
    yield system
    _running.remove(system)
    system.close()
    cluster.drop_database(name)


@pytest.fixture
def new_tenant(request):
    """
    new_tenant(relay=None, store=None, account={}, workers=1, **fields) registers a tenant, with an account `main` when
    there is a relay. It lives on the module's shared system; or, when there are settings (GMP_...) among the fields or
    the number of workers is another, on a system of its own.
    """
    tenants = []

    def start(relay=None, store=None, account=None, workers=1, **fields):
        settings = {k: fields.pop(k) for k in list(fields) if k.startswith("GMP_")}
        if settings or workers != 1:
            tenant = request.getfixturevalue("new_system")(workers, **settings).add_tenant(store=store, **fields)
        else:
            system = request.getfixturevalue("shared")
            system.revive()
            tenant = system.add_tenant(f"tenant{next(_tenant_number)}", store, **fields)
            tenants.append(tenant)
        if relay is not None:
            tenant.system.add_account(tenant, relay, **(account or {}))
        return tenant

    yield start
    for tenant in tenants:
        tenant.retire()


@pytest.fixture(autouse=True)
def watch():
    """What a sanitizer finds, or a program that dies, fails the test during which it happened, also in a shared system."""
    for program in _programs():
        program.set_mark()
    yield
    complaints = [c for system in _running for c in system.complaints()]
    for program in _programs():
        program.killed = not program.alive()  # which is told once
    assert not complaints, "; ".join(complaints)


def _programs():
    return [program for system in _running for program in system.programs]


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
        report.sections.extend(("log of " + p.name, p.new_log()[-6000:]) for p in _programs())
