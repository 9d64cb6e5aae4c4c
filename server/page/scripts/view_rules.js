// view_rules.js - how often tenants without news are called: the rules, and what they come to in a week.
import { deleteRule, switchRule } from "./actions.js";
import { gather, get, post } from "./api.js";
import { h, keep, show, tell } from "./dom.js";
import { again } from "./live.js";
import { badge, button, field, input, nothing, section, table, tick } from "./parts.js";
import { duration, t, weekday } from "./text.js";

const DAYS = [0, 1, 2, 3, 4, 5, 6];
const clock = (minute) => `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;

function days(rule) {
  if (!rule.days.length) return t("rule.every_day");
  return rule.days.map((day) => weekday(((day % 7) + 7) % 7, "short")).join(", ");
}

function hours(rule) {
  if (rule.start_hour === undefined && rule.end_hour === undefined) return t("rule.all_day");
  const span = `${clock((rule.start_hour ?? 0) * 60)}–${clock((rule.end_hour ?? 24) * 60)}`;
  return rule.cross_midnight ? t("rule.crossing", { span }) : span;
}

const title = (rule) => rule.name || t("rule.number", { n: rule.id });

function rulesTable({ rules }) {
  if (!rules.length) return nothing(t("rules.none"));
  const columns = [
    [t("rule.name"), title],
    [t("rule.days"), days],
    [t("rule.hours"), hours],
    [t("rule.interval"), (rule) => duration(rule.interval_minutes * 60), "num"],
    [t("status"), (rule) => badge("rule_state", rule.enabled ? "active" : "off")],
    [t("actions"), (rule) => h("div", { class: "actions" },
      button(t(rule.enabled ? "rule.off" : "rule.on"), () => switchRule(rule, title(rule)), { label: `${t(rule.enabled ? "rule.off" : "rule.on")}: ${title(rule)}` }),
      button(t("delete"), () => deleteRule(rule, title(rule)), { look: "outline-danger", label: `${t("delete")}: ${title(rule)}` }))],
  ];
  return table(t("rules.title"), columns, rules, (rule) => String(rule.id));
}

function slot(one, shortest) {
  const every = one.interval_seconds ? t("every", { span: duration(one.interval_seconds) }) : t("never");
  const node = h("div", { class: `slot ${!one.interval_seconds ? "none" : one.interval_seconds === shortest ? "often" : "seldom"}`, title: `${clock(one.from_minute)}–${clock(one.to_minute)}: ${every}` },
    h("span", { class: "visually-hidden" }, `${clock(one.from_minute)}–${clock(one.to_minute)}: `), h("span", {}, one.interval_seconds ? duration(one.interval_seconds) : t("never")));
  node.style.flexGrow = String(one.to_minute - one.from_minute);
  return node;
}

function week({ slots, time_zone: zone }) {
  const intervals = slots.map((one) => one.interval_seconds).filter(Boolean);
  const shortest = Math.min(...intervals);
  const row = (day) => h("tr", { "data-key": String(day) }, h("th", { scope: "row" }, weekday(day, "short")),
    h("td", {}, h("div", { class: "slots" }, slots.filter((one) => one.weekday === day).map((one) => slot(one, shortest)))));
  return [h("table", { class: "week" }, h("caption", { class: "visually-hidden" }, t("week.title")), h("tbody", {}, DAYS.map(row)),
    h("tfoot", { "aria-hidden": "true" }, h("tr", {}, h("td", {}), h("td", {}, h("div", { class: "scale" }, [0, 6, 12, 18, 24].map((n) => h("span", {}, clock(n * 60)))))))),
  h("p", { class: "quiet" }, t("week.zone", { zone }))];
}

/* The rule that the form says, as the API wants it. */
function ruleOf(form) {
  const data = new FormData(form);
  const hour = (name) => (data.get(name) === "" ? undefined : Number(data.get(name)));
  return {
    name: data.get("name") || undefined,
    days: data.getAll("day").map(Number),
    start_hour: hour("start_hour"),
    end_hour: hour("end_hour"),
    cross_midnight: data.get("cross_midnight") !== null,
    interval_minutes: Number(data.get("interval_minutes")),
  };
}

/* The form for a new rule. onDraft(rule or null): what the week is to be shown with. */
function newRule(onDraft) {
  const problem = h("div", { class: "problem", role: "alert" });
  const hour = (name) => input(name, { type: "number", min: 0, max: 23 });
  const form = h("form", { class: "new-rule", "data-kept": true, "aria-label": t("rule.new") },
    field(t("rule.name"), input("name")),
    h("fieldset", { class: "days" }, h("legend", {}, t("rule.days")), DAYS.map((day) => tick("day", weekday(day, "short"), false, { value: day }))),
    field(t("rule.from"), hour("start_hour"), t("rule.hours.help")),
    field(t("rule.to"), hour("end_hour")),
    tick("cross_midnight", t("rule.cross_midnight"), false),
    field(t("rule.minutes"), input("interval_minutes", { type: "number", min: 1, value: 5, required: true })),
    problem,
    h("div", { class: "buttons" },
      button(t("rule.preview"), () => form.reportValidity() && onDraft(ruleOf(form))),
      h("button", { type: "submit", class: "btn btn-sm btn-primary" }, t("rule.add"))));
  form.onsubmit = async (event) => {
    event.preventDefault();
    show(problem);
    try {
      const rule = ruleOf(form);
      await post("commands/rules", rule);
      form.reset();
      onDraft(null); // which shows what there is now
      tell(t("rule.added", { rule: rule.name ?? "" }));
    } catch (error) {
      show(problem, error.message);
    }
  };
  return form;
}

export const rules = {
  open(place) {
    let draft = null;
    const form = newRule((rule) => {
      draft = rule;
      again();
    });

    async function preview() {
      if (!draft) return post("commands/rules/preview", {});
      const { rules: stored } = await get("commands/rules");
      return post("commands/rules/preview", { rules: [...stored, draft] });
    }

    async function asked() {
      const answers = await gather({ rules: get("commands/rules"), week: preview() });
      return () => show(place, h("div", { class: "view-head" }, h("h1", {}, t("nav.rules"))),
        h("p", { class: "quiet" }, t("rules.about")),
        section(t("rules.title"), answers.rules, rulesTable),
        section(t(draft ? "week.draft" : "week.title"), answers.week, week, draft ? button(t("week.stored"), () => { draft = null; again(); }) : null),
        section(t("rule.new"), null, () => keep(form)));
    }

    return { asked };
  },
};
