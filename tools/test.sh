# test.sh - every test of the repository, or some by name.
# shellcheck shell=bash

test_all() {
    packages_ensure
    build_plain
    if [ $# -gt 0 ]; then
        exec /usr/bin/python3 -m pytest -c "$ROOT/tests/pytest.ini" "$@"
    fi
    build_sanitized
    exec /usr/bin/python3 "$ROOT/tests/all.py" "$ROOT"
}
