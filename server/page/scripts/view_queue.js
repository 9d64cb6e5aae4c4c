// view_queue.js - what is waiting, what went through, what went wrong.
import { gather, get } from "./api.js";
import { cleanup, requeueAll, runNow, suspendBatch, suspendOrActivate } from "./actions.js";
import { chart } from "./charts.js";
import { h, keep, show } from "./dom.js";
import { badge, button, count, moment, named, nothing, section, select, span, table } from "./parts.js";
import { again } from "./live.js";
import { change, chosenTenant, here, link } from "./route.js";
import { session } from "./session.js";
import { duration, hourMinute, number, t, time } from "./text.js";

/* Hours that are shown, and how long a bar of the chart is then. */
const HOURS = { 1: 300, 6: 300, 24: 900, 48: 1800 };

const FIGURES_MS = 15000; // until charts and errors are asked for again: the server counts a good deal for them

const sum = (rows, name) => rows.reduce((all, row) => all + (row[name] ?? 0), 0);

function tiles({ accounts }) {
  const oldest = Math.max(...accounts.map((row) => row.oldest_due_seconds ?? -1));
  const one = (name, value, title) => h("div", { class: `tile ${name}`, title }, h("dt", {}, t(`tile.${name}`)), h("dd", { id: `tile-${name}` }, value));
  return h("dl", { class: "tiles" },
    ["waiting", "sending", "deferred", "held"].map((name) => one(name, number(sum(accounts, name)), t(`tile.${name}.help`))),
    one("oldest", oldest < 0 ? "–" : duration(oldest), t("tile.oldest.help")));
}

function accountLink(row) {
  return h("a", { href: link("messages", { tenant: session.who.admin ? row.tenant_id : undefined, account: row.account_id }) }, named(row.account_id, row.account_name));
}

function queueTable({ accounts }) {
  if (!accounts.length) return nothing(t("queue.empty"));
  const columns = [
    [t("account"), accountLink],
    ...(session.who.admin ? [[t("tenant"), (row) => named(row.tenant_id, row.tenant_name)]] : []),
    ...["waiting", "sending", "deferred", "held"].map((name) => [t(`tile.${name}`), (row) => count(row[name]), "num"]),
    [t("queue.oldest"), (row) => span(row.oldest_due_seconds), "num"],
    [t("queue.drained"), (row) => span(row.drain_seconds), "num"],
  ];
  return table(t("queue.title"), columns, accounts, (row) => `${row.tenant_id}/${row.account_id}`);
}

/* One row for each bucket of the time asked for, also where nothing happened. */
function filled({ buckets, bucket_seconds: step }, hours, now) {
  const by = new Map(buckets.map((bucket) => [bucket.start_ts, bucket]));
  const last = Math.floor(now / step) * step;
  const rows = [];
  for (let start = last - hours * 3600 + step; start <= last; start += step) rows.push(by.get(start) ?? { start_ts: start });
  return rows;
}

function drawThroughput(to, answer, hours, now) {
  const rows = filled(answer, hours, now);
  const of = (name) => rows.map((row) => row[name] ?? 0);
  const totals = Object.fromEntries(["accepted", "sent", "deferred", "error"].map((name) => [name, sum(rows, name)]));
  to.draw({
    labels: rows.map((row) => hourMinute(row.start_ts)),
    series: [
      { label: t("chart.accepted"), tone: "ink", values: of("accepted"), line: true },
      { label: t("chart.sent"), tone: "good", values: of("sent") },
      { label: t("chart.deferred"), tone: "warn", values: of("deferred") },
      { label: t("chart.error"), tone: "bad", values: of("error") },
    ],
    says: t("chart.throughput.says", { n: hours, ...totals }),
  });
  return totals;
}

function drawLatency(to, answer, hours, now) {
  const by = new Map(answer.latency.map((bucket) => [bucket.start_ts, bucket]));
  const rows = filled(answer, hours, now).map((row) => by.get(row.start_ts) ?? { start_ts: row.start_ts });
  const worst = Math.max(0, ...answer.latency.map((bucket) => bucket.p95_seconds ?? 0));
  to.draw({
    labels: rows.map((row) => hourMinute(row.start_ts)),
    series: [["p50", "good"], ["p95", "warn"], ["p99", "bad"]].map(([name, tone]) => ({
      label: t(`chart.${name}`), tone, values: rows.map((row) => row[`${name}_seconds`] ?? null),
    })),
    says: t("chart.latency.says", { n: hours, worst: duration(worst) }),
  });
}

/* The charts' figures by the hour, for whoever cannot see them. */
function hourly(answer) {
  const hours = new Map();
  const of = (ts) => hours.get(ts - (ts % 3600)) ?? hours.set(ts - (ts % 3600), { ts: ts - (ts % 3600), accepted: 0, sent: 0, deferred: 0, error: 0, p95: 0 }).get(ts - (ts % 3600));
  for (const bucket of answer.buckets) for (const name of ["accepted", "sent", "deferred", "error"]) of(bucket.start_ts)[name] += bucket[name];
  for (const bucket of answer.latency) of(bucket.start_ts).p95 = Math.max(of(bucket.start_ts).p95, bucket.p95_seconds);
  const columns = [[t("chart.hour"), (row) => moment(row.ts)], ...["accepted", "sent", "deferred", "error"].map((name) => [t(`chart.${name}`), (row) => count(row[name]), "num"]),
    [t("chart.worst"), (row) => span(row.p95), "num"]];
  return h("details", { class: "more" }, h("summary", {}, t("chart.table")), table(t("chart.table"), columns, [...hours.values()].sort((a, b) => b.ts - a.ts), (row) => String(row.ts)));
}

function charts(answer, hours, throughput, latency) {
  const totals = answer instanceof Error ? null : ["sent", "deferred", "error"].map((name) =>
    h("span", { class: `total ${name}` }, number(sum(answer.buckets, name)), " ", t(`chart.${name}`).toLowerCase()));
  const choice = select("hours", Object.keys(HOURS).map((n) => [n, t("hours", { n: Number(n) })]), String(hours), {
    "aria-label": t("chart.hours"), onchange: (event) => { change({ hours: event.target.value }); again(); },
  });
  const late = answer.since_ts > session.now() - hours * 3600 + answer.bucket_seconds;
  return section(t("chart.title"), answer, () => [late ? h("p", { class: "quiet" }, t("chart.since", { when: time(answer.since_ts) })) : null, h("div", { class: "charts", "data-key": "charts" },
    h("figure", {}, h("figcaption", {}, t("chart.throughput"), h("span", { class: "totals" }, totals)), keep(throughput.node)),
    h("figure", {}, h("figcaption", {}, t("chart.latency")), keep(latency.node))), hourly(answer)], choice);
}

function errorsTable({ errors }) {
  if (!errors.length) return nothing(t("errors.none"));
  const example = (row) => row.example_id && h("a", { href: link("message", { tenant: session.who.admin ? row.tenant_id : undefined, id: row.example_id }) }, row.example_id);
  const columns = [
    [t("errors.reason"), (row) => [row.code ? h("span", { class: "code" }, String(row.code)) : null, row.reason ?? t("errors.no_reply")], "wide"],
    [t("account"), accountLink],
    ...(session.who.admin ? [[t("tenant"), (row) => named(row.tenant_id)]] : []),
    [t("errors.count"), (row) => count(row.count), "num"],
    [t("errors.last"), (row) => moment(row.last_ts), "num"],
    [t("errors.example"), (row) => example(row) ?? "–"],
  ];
  return table(t("errors.title"), columns, errors, (row) => `${row.tenant_id}/${row.account_id}/${row.code}/${row.reason}`);
}

/* What is suspended, each with the way back. */
function suspensions({ suspended = [] }) {
  const service = session.who.active ? null : h("li", { "data-key": "" }, badge("state", "suspended"), " ", t("service.suspended"), " ",
    session.who.admin ? button(t("activate"), () => suspendOrActivate("activate"), { label: t("activate.one", { what: t("service") }) }) : null);
  if (!suspended.length && !service) return null;
  const one = ({ tenant_id: tenant, batches }) => batches.map((batch) => h("li", { "data-key": `${tenant}/${batch}` },
    badge("state", "suspended"), " ", batch === "*" ? t("suspended.all", { tenant }) : t("suspended.batch", { tenant, batch }), " ",
    button(t("activate"), () => suspendOrActivate("activate", tenant, batch === "*" ? undefined : batch), { label: t("activate.one", { what: batch === "*" ? tenant : batch }) })));
  return h("ul", { class: "suspensions", "aria-label": t("suspensions") }, service, suspended.map(one));
}

function actions() {
  const tenant = chosenTenant();
  const unnamed = session.who.admin && !tenant;
  return h("div", { class: "actions", role: "group", "aria-label": t("actions") },
    button(t("run_now"), () => runNow(tenant), { look: "primary" }),
    button(t("suspend.tenant"), () => suspendOrActivate("suspend", tenant)),
    button(t("suspend.batch"), () => suspendBatch(tenant), { disabled: unnamed, title: unnamed && t("tenant.first") }),
    button(t("requeue.errors"), () => requeueAll({ tenant, status: "error" }), { disabled: unnamed, title: unnamed && t("tenant.first") }),
    button(t("cleanup"), () => cleanup(tenant)));
}

export const queue = {
  open(place) {
    const throughput = chart("chart-throughput", "bar", { stacked: true, whole: true, format: (n) => number(n) });
    const latency = chart("chart-latency", "line", { format: (seconds) => duration(seconds) });

    let figures = { key: "", at: 0 }; // the last ones, of which tenant and hours

    async function asked() {
      const tenant_id = chosenTenant();
      const hours = here().params.hours in HOURS ? Number(here().params.hours) : 6;
      const key = JSON.stringify([tenant_id, hours]);
      const known = figures.key === key && performance.now() - figures.at < FIGURES_MS ? figures : { key, at: performance.now() };
      const answers = await gather({
        queue: get("queue", { tenant_id }),
        throughput: known.throughput ?? get("throughput", { tenant_id, hours, bucket_seconds: HOURS[hours] }),
        errors: known.errors ?? get("errors", { tenant_id, hours }),
      });
      for (const name of ["throughput", "errors"]) if (!(answers[name] instanceof Error)) known[name] = answers[name];
      figures = known;
      return () => {
        show(place, h("div", { class: "view-head" }, h("h1", {}, t("nav.queue")), actions()),
          answers.queue instanceof Error ? null : suspensions(answers.queue),
          section(t("queue.now"), answers.queue, tiles),
          charts(answers.throughput, hours, throughput, latency),
          section(t("queue.title"), answers.queue, queueTable),
          section(t("errors.title"), answers.errors, errorsTable));
        if (answers.throughput instanceof Error) return;
        drawThroughput(throughput, answers.throughput, hours, session.now());
        drawLatency(latency, answers.throughput, hours, session.now());
      };
    }

    return {
      asked,
      recolour: () => [throughput, latency].forEach((one) => one.recolour()),
      close: () => [throughput, latency].forEach((one) => one.destroy()),
    };
  },
};
