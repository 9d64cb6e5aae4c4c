# test.sh - every test of the repository, or some by name.
# shellcheck shell=bash

test_all() {
    packages_ensure
    if [ "${1:-}" = --sanitize ]; then
        shift
        build_sanitized
        export MAILPROXY_BUILD=build-asan MAILPROXY_TEST_PATIENCE=3
        exec /usr/bin/python3 -m pytest -c "$ROOT/tests/pytest.ini" "$@"
    fi
    build_plain
    if [ $# -gt 0 ]; then
        exec /usr/bin/python3 -m pytest -c "$ROOT/tests/pytest.ini" "$@"
    fi
    build_sanitized
    exec /usr/bin/python3 "$ROOT/tests/all.py" "$ROOT" "$SECONDS"
}

# Run the documents' examples and write what they answer into the documents.
test_docs() {
    MAILPROXY_REWRITE_DOCS=1 test_all "$ROOT/tests/integration/test_docs.py" "$ROOT/tests/integration/test_operating.py"
}
