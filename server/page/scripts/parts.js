// parts.js - what several views are made of.
import { h } from "./dom.js";
import { duration, fullTime, number, t, time, word } from "./text.js";

/* A moment, short, with the whole of it for who points at it. */
export function moment(ts) {
  if (ts === undefined || ts === null) return "–";
  const date = typeof ts === "number" ? new Date(ts * 1000) : new Date(ts);
  return h("time", { datetime: date.toISOString(), title: fullTime(ts) }, time(ts));
}

export const span = (seconds) => (seconds === undefined || seconds === null ? "–" : duration(seconds));

export const count = (n) => (n ? number(n) : h("span", { class: "zero" }, "0"));

/* Colour says it once more, for those who see it. */
const LOOKS = { sent: "good", ok: "good", active: "good", error: "bad", paused: "bad", suspended: "bad", backed_off: "bad", no_token: "bad", deferred: "warn", at_limit: "warn", in_doubt: "warn",
  held: "warn", sending: "busy", pending: "calm", bounce: "bad" };

export function badge(prefix, name) {
  const plain = String(name).replaceAll(" ", "_");
  return h("span", { class: `mark ${LOOKS[plain] ?? "calm"}` }, word(prefix, plain));
}

export function button(text, onclick, { look = "outline-secondary", label = null, title = null, disabled = false } = {}) {
  return h("button", { type: "button", class: `btn btn-sm btn-${look}`, onclick, "aria-label": label, title, disabled }, text);
}

/* A part of a view with a heading; its content is a function of an answer, or the reason why there is none. */
export function section(title, answer, draw, ...actions) {
  const head = h("div", { class: "section-head" }, h("h2", {}, title), actions.length ? h("div", { class: "actions" }, actions) : null);
  return h("section", { class: "part", "data-key": title }, head, answer instanceof Error ? problem(answer) : draw(answer));
}

export function problem(error) {
  return h("p", { class: "problem", role: "alert" }, t("error.shown", { why: error.message }));
}

export function nothing(text) {
  return h("p", { class: "nothing" }, text);
}

/*
 * columns: [[heading, of row: cell, "num" or "wide" or ""]]. On a narrow screen each row is a card, and each cell says its heading.
 * key: of row. The first column is the row's heading.
 */
export function table(caption, columns, rows, key) {
  const head = h("tr", {}, columns.map(([heading, , look]) => h("th", { scope: "col", class: look }, heading)));
  const body = rows.map((row) => h("tr", { "data-key": key(row) }, columns.map(([heading, cell, look], i) =>
    h(i ? "td" : "th", { scope: i ? null : "row", class: look, "data-label": typeof heading === "string" ? heading : null }, h("div", {}, cell(row))))));
  return h("div", { class: "table-box" }, h("table", { class: "table cards" }, h("caption", { class: "visually-hidden" }, caption), h("thead", {}, head), h("tbody", {}, body)));
}

let fields = 0;

/* A labelled control. */
export function field(text, control, help = null) {
  control.id ||= `field-${++fields}`;
  const hint = help && h("div", { class: "form-text", id: `${control.id}-help` }, help);
  if (hint) control.setAttribute("aria-describedby", hint.id);
  return h("div", { class: "field" }, h("label", { for: control.id, class: "form-label" }, text), control, hint);
}

export function input(name, attributes = {}) {
  return h("input", { name, class: "form-control form-control-sm", autocomplete: "off", ...attributes });
}

/* options: [[value, text]] */
export function select(name, options, value, attributes = {}) {
  return h("select", { name, class: "form-select form-select-sm", ...attributes },
    options.map(([each, text]) => h("option", { value: each, selected: each === (value ?? "") }, text)));
}

export function tick(name, text, checked, attributes = {}) {
  const box = h("input", { type: "checkbox", class: "form-check-input", name, id: `field-${++fields}`, checked, ...attributes });
  return h("div", { class: "form-check" }, box, h("label", { class: "form-check-label", for: box.id }, text));
}

/* The name of a tenant, or of whatever has one, and its id where that is another. */
export function named(id, name) {
  return name && name !== id ? [h("span", {}, name), " ", h("code", { class: "id" }, id)] : h("code", { class: "id" }, id);
}
