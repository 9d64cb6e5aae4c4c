#!/usr/bin/python3
"""
all.py ROOT [SECONDS] - every test, and one sum of them in the last line: "N passed, N failed".

The builds exist already: ./dev test makes them, which took SECONDS. Unit tests and black-box tests run twice: as they are, and with
AddressSanitizer and UndefinedBehaviorSanitizer; what one of the two runs would tell nothing new about is left out of it, below. A cmocka or
pytest test counts as one, a lint step and a fuzz target too; of a pgTAP file each test counts.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

ROOT = os.path.abspath(sys.argv[1])
LINT_STEPS = ("format", "rooms", "shell", "python", "tidy")
FUZZ_SECONDS = 2
BEGAN = time.monotonic() - float(sys.argv[2] if len(sys.argv) > 2 else 0)
# Most tests wait for something most of the time. More at once than this, and limits meant for hangs would measure load.
PYTEST_PROCESSES = max(2, min(8, 2 * (os.cpu_count() or 1)))
# The packages first: they take longest.
PLAIN = ("tests/packages", "tests/sql", "tests/tap", "tests/integration")
# Of the tests of SQL alone those that start a program for more than the schema all tests begin with.
SANITIZED = ("tests/sql/test_schema.py", "tests/sql/test_schema_objects.py", "tests/sql/test_roles_migration.py", "tests/integration")
# Bad requests by the thousand: what they could do wrong the sanitizers see, and the plain programs answer the same.
ONLY_SANITIZED = ("tests/integration/test_torture.py",)
# Those of programs that are not ours, a browser among them, and one that runs the programs of build/.
ONLY_PLAIN = ("tests/integration/test_bench.py", "tests/integration/test_nginx.py", "tests/integration/test_page.py", "tests/integration/test_prometheus.py")


class Sum:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.what_failed = []

    def add(self, name, passed, failed):
        self.passed += passed
        self.failed += failed
        if failed:
            self.what_failed.append(name)

    def add_one(self, name, good):
        self.add(name, int(good), int(not good))


def announce(name):
    print(f"==> {time.monotonic() - BEGAN:4.0f} s: {name}", flush=True)


def dev(*args):
    return subprocess.run([os.path.join(ROOT, "dev"), *args], cwd=ROOT, stdin=subprocess.DEVNULL).returncode == 0


def run_lint(total):
    for step in LINT_STEPS:
        announce(f"lint: {step}")
        total.add_one(f"lint {step}", dev("lint", step))


def count_cmocka(text):
    """(passed, failed) of one cmocka program's output."""
    passed = len(re.findall(r"^\[       OK \] ", text, re.M))
    failed = len(set(re.findall(r"^\[  (?:FAILED|ERROR ) +\] (\w+)$", text, re.M)))
    return passed, failed


def run_units(total, build):
    announce(f"unit tests in {build}/")
    env = {**os.environ, "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}
    log = os.path.join(ROOT, build, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.remove(log)
    subprocess.run(["meson", "test", "-C", build, "--no-rebuild", "--print-errorlogs", "--timeout-multiplier", "5"],
                   cwd=ROOT, env=env, stdin=subprocess.DEVNULL)
    if not os.path.exists(log):
        total.add_one(f"unit tests in {build}/ (none ran)", False)
        return
    with open(log, encoding="utf-8") as f:
        for entry in map(json.loads, f):
            passed, failed = count_cmocka(entry.get("stdout", "") + "\n" + entry.get("stderr", ""))
            good = entry["result"] in ("OK", "SKIP", "EXPECTEDFAIL")
            if not good and failed == 0:
                failed = 1  # it crashed, or leaked
            if good and passed == 0:
                passed = 1  # not a cmocka program
            total.add(f"{entry['name']} in {build}/", passed, failed)


def run_fuzz(total):
    directory = os.path.join(ROOT, "tests", "fuzz")
    names = sorted(f[5:-2] for f in os.listdir(directory) if f.startswith("fuzz_") and f.endswith(".c"))
    for name in names:
        announce(f"fuzz: {name}")
        total.add_one(f"fuzz {name}", dev("fuzz", name, str(FUZZ_SECONDS)))


def count_junit(suites):
    """(passed, failed) of pytest's report."""
    passed, failed = 0, 0
    for case in (case for suite in suites for case in suite.iter("testcase")):
        tap = {p.get("name"): int(p.get("value")) for p in case.iter("property") if p.get("name").startswith("tap_")}
        bad = case.find("failure") is not None or case.find("error") is not None
        if tap:  # a file of pgTAP tests; one that broke off failed even if each test before that passed
            passed += tap["tap_passed"]
            failed += max(tap["tap_failed"], int(bad))
        elif bad:
            failed += 1
        elif case.find("skipped") is None:
            passed += 1
    return passed, failed


def run_pytest(total, build, patience, paths, without):
    announce(f"SQL and integration tests with the programs of {build}/")
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        env = {**os.environ, "MAILPROXY_BUILD": build, "MAILPROXY_TEST_PATIENCE": patience}
        code = subprocess.run(
            [sys.executable, "-m", "pytest", "-c", "tests/pytest.ini", *paths, "-q",
             "-n", str(PYTEST_PROCESSES), f"--junitxml={report.name}", *[f"--ignore={path}" for path in without]],
            cwd=ROOT, env=env, stdin=subprocess.DEVNULL).returncode
        try:
            suites = list(ElementTree.parse(report.name).getroot().iter("testsuite"))
        except ElementTree.ParseError:
            suites = []
    passed, failed = count_junit(suites)
    if code not in (0, 1) or passed == 0 or (code == 1 and failed == 0):
        failed += 1  # pytest itself failed
    total.add(f"pytest with {build}/", passed, failed)


def main():
    total = Sum()
    run_lint(total)
    run_units(total, "build")
    run_units(total, "build-asan")
    run_fuzz(total)
    run_pytest(total, "build", "1", PLAIN, ONLY_SANITIZED)
    run_pytest(total, "build-asan", "3", SANITIZED, ONLY_PLAIN)
    announce("all done, set-up and builds included")
    for name in total.what_failed:
        print(f"FAILED: {name}")
    print(f"{total.passed} passed, {total.failed} failed", flush=True)
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
