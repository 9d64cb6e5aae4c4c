"""deploy/prometheus and deploy/grafana with Debian's Prometheus: held against what running programs really expose."""

import json
import re
import subprocess

import jsonschema
import pytest
from support import prometheus
from support.prometheus import Prometheus, labels_in, metrics_in, read, unknown_words
from support.programs import message
from support.relay import Relay
from support.waiting import wait_for

SCENES = ["alerts_test.yml", "alerts_days_test.yml"]
DASHBOARD = json.loads(read("deploy", "grafana", "dashboards", "mailproxy.json"))


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
    shared.add_account(tenant, relay, "broken")  # of which nothing waits: no reason for an alert
    shared.rows("UPDATE mailproxy.account_state SET failing_since = now() WHERE account_id = 'broken'")
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


# The dashboard.

def panels():
    return [p for p in DASHBOARD["panels"] if p["type"] != "row"]


VARIABLES = {"$__rate_interval": "1m", "$__range": "1h", "$__interval": "1m", "${job}": "mailproxy", "$job": "mailproxy", "$tenant": ".*", "$account": ".*"}


def with_values(expression):
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    assert "$" not in expression, expression
    return expression


DATASOURCE = {"type": "object", "required": ["type", "uid"],
              "properties": {"type": {"enum": ["prometheus"]}, "uid": {"enum": ["${datasource}"]}}}
# What Grafana 9 and later take a dashboard to be; Grafana itself is no package of Debian.
SCHEMA = {
    "type": "object",
    "required": ["uid", "title", "schemaVersion", "panels", "templating", "time", "refresh"],
    "properties": {
        "uid": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,40}$"},
        "schemaVersion": {"type": "integer", "minimum": 36, "maximum": 39},
        "id": {"type": "null"},  # that of one Grafana's database
        "templating": {"type": "object", "required": ["list"], "properties": {"list": {"type": "array", "items": {
            "type": "object", "required": ["name", "type", "query", "refresh"],
            "properties": {"type": {"enum": ["datasource", "query"]}, "refresh": {"enum": [1, 2]}}}}}},
        "panels": {"type": "array", "items": {
            "type": "object", "required": ["id", "type", "title", "gridPos"],
            "properties": {
                "id": {"type": "integer", "minimum": 1},
                "type": {"enum": ["row", "timeseries", "stat", "table", "heatmap"]},
                "title": {"type": "string", "minLength": 1},
                "gridPos": {"type": "object", "required": ["h", "w", "x", "y"], "additionalProperties": False,
                            "properties": {"h": {"type": "integer", "minimum": 1}, "w": {"type": "integer", "minimum": 1, "maximum": 24},
                                           "x": {"type": "integer", "minimum": 0, "maximum": 23}, "y": {"type": "integer", "minimum": 0}}}},
            "if": {"not": {"properties": {"type": {"const": "row"}}}},
            "then": {"required": ["targets", "datasource", "fieldConfig", "options"], "properties": {
                "datasource": DATASOURCE,
                "fieldConfig": {"type": "object", "required": ["defaults", "overrides"]},
                "targets": {"type": "array", "minItems": 1, "items": {
                    "type": "object", "required": ["refId", "expr", "legendFormat", "datasource"],
                    "properties": {"refId": {"pattern": "^[A-Z]$"}, "expr": {"type": "string", "minLength": 1}, "datasource": DATASOURCE}}}}}}}}}


def test_grafana_finds_all_it_needs_in_the_dashboard():
    jsonschema.Draft202012Validator(SCHEMA).validate(DASHBOARD)
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    taken = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert max(x for x, _ in cells) < 24 and not cells & taken, panel["title"]
        taken |= cells
    names = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    assert names == {"datasource", "job", "tenant", "account"}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD)))
    assert used - names <= {name.strip("${}") for name in VARIABLES}


def test_each_panel_asks_for_what_the_programs_expose_and_shows_something(watched):
    asked = 0
    for panel in panels():
        for target in panel.get("targets", []):
            expression = with_values(target["expr"])
            assert unknown_words(watched, expression) == set(), (panel["title"], expression)
            found = wait_for(lambda e=expression: watched.query(e), f"something to show in {panel['title']}: {expression}")
            in_legend = set(re.findall(r"\{\{\s*(\w+)\s*\}\}", target.get("legendFormat", "")))
            assert in_legend <= set(found[0][0]), (panel["title"], in_legend, found[0][0])
            asked += 1
    assert asked > 30


def test_each_variable_finds_its_values(watched):
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] != "query":
            continue
        series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
        assert unknown_words(watched, with_values(series)) == set()
        assert watched.ask(f"label/{label}/values", **{"match[]": with_values(series)}), variable["name"]


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
