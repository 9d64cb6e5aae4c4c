"""Connections for the tests of suspension, each as one program's."""

import pytest
from support.suspension_sql import PREPARE, Connection


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
