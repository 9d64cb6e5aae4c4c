"""deploy/prometheus with Debian's Prometheus: held against what running programs really expose."""

import re
import subprocess

import pytest
from support import prometheus
from support.prometheus import Prometheus, labels_in, metrics_in, read, unknown_words
from support.programs import message
from support.relay import Relay
from support.waiting import wait_for

SCENES = ["alerts_test.yml", "alerts_days_test.yml"]


@pytest.fixture(scope="module")
def watched(shared, tmp_path_factory):
    """A Prometheus that asks a server; there are a worker, a tenant that may be called, an account, and each kind of figure."""
    relay = Relay()
    tenant = shared.add_tenant("watched", client_base_url="http://127.0.0.1:9")
    shared.add_account(tenant, relay)
    tenant.enqueue(message("m1"))
    tenant.wait_state("sent", "m1")
    assert shared.api.get("/nowhere").status == 404
    watcher = Prometheus(str(tmp_path_factory.mktemp("prometheus")), [f"127.0.0.1:{shared.api.port}"])
    # Two scrapes, so that there are rates; and one evaluation of the rules after that.
    wait_for(lambda: watcher.query('rate(gmp_http_requests_total{route="/metrics"}[1m]) > 0'), "two scrapes")
    wait_for(lambda: watcher.query("mailproxy:free_account_oldest_due_seconds"), "an evaluation of the rules")
    yield watcher
    watcher.close()
    relay.close()


# The rules.

def promtool(*args):
    done = subprocess.run(["promtool", *args], cwd=prometheus.FOLDER, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_prometheus_takes_the_configuration_and_the_rules():
    assert "1 rule files found" in promtool("check", "config", "prometheus.yml")


def test_each_alert_fires_when_it_should_and_not_otherwise():
    promtool("test", "rules", *SCENES)


def test_no_alert_is_without_a_scene_in_which_it_fires():
    alerts = re.findall(r"- alert: (\w+)", read("deploy", "prometheus", "alerts.yml"))
    assert len(alerts) == len(set(alerts)) > 20
    fired = {name for scenes in SCENES for name in re.findall(r'alertname="(\w+)"', read("deploy", "prometheus", scenes))}
    assert set(alerts) == fired


def anchors(document):
    """Of its headings, as they are linked to."""
    without_examples = re.sub(r"^```.*?^```$", "", document, flags=re.M | re.S)
    headings = re.findall(r"^#+ (.*)$", without_examples, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_each_alert_says_how_bad_it_is_what_it_means_and_where_to_read_on(watched):
    known = anchors(read("docs", "operating.md"))
    alerts = [rule for rule in watched.rules() if rule["type"] == "alerting"]
    for alert in alerts:
        aggregated = " by (" in alert["query"]
        carried = labels_in(alert["query"]) if aggregated else set().union(*map(watched.labels_of, metrics_in(alert["query"])))
        assert alert["labels"] == {"severity": alert["labels"]["severity"]}
        assert alert["labels"]["severity"] in ("critical", "warning", "info"), alert["name"]
        assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}, alert["name"]
        where, anchor = alert["annotations"]["runbook_url"].split("#")
        assert where.endswith("/docs/operating.md"), alert["name"]
        assert anchor in known, (alert["name"], anchor)
        assert set(re.findall(r"\$labels\.(\w+)", "".join(alert["annotations"].values()))) <= carried, alert["name"]


def test_each_rule_speaks_of_what_the_programs_expose_and_is_evaluated_without_error(watched):
    rules = watched.rules()
    assert len(rules) > 20
    for rule in rules:
        assert unknown_words(watched, rule["query"]) == set(), rule["name"]
        assert (rule["health"], rule.get("lastError", "")) == ("ok", ""), rule["name"]
    assert watched.log() == ""


def test_every_family_is_declared_in_what_prometheus_keeps(watched):
    """What the checks above would not see: that Prometheus leaves something out of what a server answers."""
    declared = set(re.findall(r"^\| `(gmp_\w+)` \|", read("docs", "metrics.md"), re.M))
    kept = watched.names()
    assert {name for name in declared if not {name, name + "_bucket"} & kept} == set()


# They fire.

def names_of(alerts):
    return {alert["labels"]["alertname"] for alert in alerts}


def test_nothing_fires_while_all_is_well_and_alerts_do_when_it_is_not(watched, shared, new_relay):
    wait_for(lambda: not watched.firing(), "no alert to fire")
    gone = new_relay()
    gone.close()
    tenant = shared.add_tenant("failing")
    shared.add_account(tenant, gone)
    shared.add_account(tenant, gone, "spare")
    shared.rows("SELECT * FROM mailproxy.pause('failing', account_id => 'spare', reason => 'it moves')")
    tenant.enqueue(message("m1"))
    wait_for(lambda: names_of(watched.firing()) == {"MailproxyAccountFailing", "MailproxyAccountPaused"}, "two alerts")
    failing, = (a for a in watched.firing() if a["labels"]["alertname"] == "MailproxyAccountFailing")
    assert failing["labels"] == {"alertname": "MailproxyAccountFailing", "severity": "warning", "job": "mailproxy", "tenant_id": "failing",
                                 "tenant_name": "failing", "account_id": "main", "account_name": "main"}
    assert failing["annotations"]["summary"] == "Account failing/main cannot send"

    shared.workers.pop().terminate()
    wait_for(lambda: "MailproxyNoWorkers" in names_of(watched.firing()), "the alert that there is no worker")
    shared.rows("UPDATE mailproxy.instance SET active = false")
    wait_for(lambda: "MailproxySuspended" in names_of(watched.firing()), "the alert that the service is suspended")

    shared.rows("UPDATE mailproxy.instance SET active = true")
    shared.start_worker()
    tenant.delete("/account/main")
    tenant.delete("/account/spare")
    wait_for(lambda: not watched.firing(), "no alert to fire any more")


def test_a_server_that_dies_is_told(watched, shared):
    shared.server.kill()
    wait_for(lambda: names_of(watched.firing()) == {"MailproxyAbsent", "MailproxyServerDown"}, "the alerts that no server answers")
