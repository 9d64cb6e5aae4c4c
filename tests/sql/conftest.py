"""Connections: a plain one and a worker's that claims; and for the tests of suspension, each as one program's."""

import psycopg
import pytest
from support.queue_sql import Claimer
from support.suspension_sql import PREPARE, Connection


@pytest.fixture
def conn(database):
    with psycopg.connect(database, autocommit=True) as conn:
        yield conn


@pytest.fixture
def claimer(database):
    claimer = Claimer(database)
    yield claimer
    claimer.close()


@pytest.fixture
def new_connection(database):
    connections = []

    def start():
        connections.append(Connection(database))
        return connections[-1]

    yield start
    for connection in connections:
        connection.db.close()


@pytest.fixture
def watcher(new_connection):
    watcher = new_connection()
    watcher.sql(PREPARE)
    return watcher


@pytest.fixture
def pair(new_connection):
    return new_connection(), new_connection()
