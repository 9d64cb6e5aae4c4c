"""
The server does not grow by bad requests: everything of torture_*.py, over and over. This tells of the plain programs, while
test_torture.py is for the sanitized ones.
"""

import pytest
from support.bench import parameter, resident_octets, routes
from support.builds import SANITIZED
from support.wire import Wire
from torture_values import NOT_AN_OBJECT, NOT_JSON, ODD_OBJECTS, PATH_VALUES, QUERIES, QUERY_VALUES
from torture_wire import HEADERS

ROUTES = routes()


def everything_once(wire):
    bodies = [*NOT_JSON.values(), *NOT_AN_OBJECT.values(), *ODD_OBJECTS.values()]
    for route in ROUTES:
        for body in bodies if route.reads_body else ():
            wire.request(route.method, route.path(), body)
        for query in QUERIES.values():
            wire.request(route.method, route.path() + b"?" + query)
        for name in route.path_parameters:
            for value, _ in PATH_VALUES.values():
                wire.request(route.method, route.path(**{name: value}))
        for name in route.query_parameters:
            for value, _ in QUERY_VALUES.values():
                wire.request(route.method, route.path() + parameter(name, value))
        for headers in list(HEADERS.values())[::4]:
            wire.request(route.method, route.path(), headers=headers)


@pytest.mark.skipif(SANITIZED, reason="a sanitizer keeps freed memory on purpose, and tells of leaks itself")
def test_the_server_does_not_grow(new_system):
    """Everything once, so that pools and heaps are what they will be; then twice more. All of the few threads have worked."""
    system = new_system(workers=0, GMP_HTTP_THREADS=4, GMP_LOG_LEVEL="info")
    wire = Wire(system.api, system.api.token)
    everything_once(wire)
    before = resident_octets(system.server)
    for _ in range(2):
        everything_once(wire)
    assert resident_octets(system.server) - before < 6 * 1024 * 1024
