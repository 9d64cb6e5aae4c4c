// view_message.js - one message: what it is, what keeps it, every try and every word a relay said.
import { deleteMessages, requeueMessages } from "./actions.js";
import { get, segment } from "./api.js";
import { h, show } from "./dom.js";
import { badge, button, moment, named, nothing, section, span } from "./parts.js";
import { chosenTenant, here, link } from "./route.js";
import { session } from "./session.js";
import { t } from "./text.js";

const PRIORITIES = ["immediate", "high", "medium", "low"];

function facts(message) {
  const content = message.message;
  const addresses = (value) => [value].flat().filter(Boolean).join(", ");
  const rows = [
    ["from", content.from], ["to", addresses(content.to)], ["cc", addresses(content.cc)], ["bcc", addresses(content.bcc)],
    ["account", h("a", { href: link("messages", { account: message.account_id, id: undefined }) }, named(message.account_id))],
    ["tenant", session.who.admin ? named(message.tenant_id, message.tenant_name) : null],
    ["batch", message.batch_code], ["priority", PRIORITIES[message.priority] && t(`priority.${PRIORITIES[message.priority]}`)],
    ["accepted", moment(message.created_at)], ["sent", message.sent_ts && moment(message.sent_ts)],
    ["deferred_until", message.deferred_ts && moment(message.deferred_ts)], ["failed", message.error_ts && moment(message.error_ts)],
    ["reason", message.error ?? message.deferred_reason], ["reported", message.reported_ts && moment(message.reported_ts)],
    ["attachments", content.attachments?.map((each) => each.filename ?? each.storage_path).join(", ")],
  ];
  return h("dl", { class: "facts" }, rows.filter(([, value]) => value && value.length !== 0).map(([name, value]) => [h("dt", {}, t(`fact.${name}`)), h("dd", {}, value)]));
}

/* The database's own sentences; they are English. */
function explanation(sentences) {
  if (!sentences.length) return nothing(t("explanation.none"));
  return h("ol", { class: "explanation", lang: "en" }, sentences.map((one) => h("li", {}, one)));
}

function reply(code, enhanced, text) {
  if (!code && !text) return h("span", { class: "quiet" }, t("attempt.no_reply"));
  const said = text ?? "";
  return h("code", { class: "reply", lang: "en" }, code && !said.startsWith(String(code)) ? `${code} ` : "", enhanced && !said.includes(enhanced) ? `${enhanced} ` : "", said);
}

function attempt(one) {
  return h("li", { "data-key": String(one.attempt) },
    h("div", { class: "attempt-head" }, h("strong", {}, t("attempt.number", { n: one.attempt })), badge("outcome", one.in_doubt ? "in_doubt" : one.outcome),
      h("span", { class: "quiet" }, moment(one.started_ts), one.duration_ms === undefined ? null : [", ", span(one.duration_ms / 1000)])),
    reply(one.code, one.enhanced_code, one.reply),
    one.recipients?.length ? h("ul", { class: "recipients", "aria-label": t("attempt.recipients") }, one.recipients.map((each) =>
      h("li", {}, h("span", { class: "address" }, each.address), " ", badge("outcome", each.outcome), " ", each.reason || each.code ? reply(each.code, null, each.reason) : null))) : null,
    h("div", { class: "quiet" }, [one.phase && t("attempt.phase", { phase: one.phase }), one.worker && t("attempt.worker", { worker: one.worker })].filter(Boolean).join(" · ")));
}

function events(list) {
  if (!list.length) return nothing(t("events.none"));
  const one = (event) => h("li", { "data-key": String(event.event_id) }, badge("event", event.event_type), " ", moment(event.event_ts),
    event.description ? h("div", { class: "why" }, event.description) : null,
    h("div", { class: "quiet" }, event.reported_ts ? [t("event.reported"), " ", moment(event.reported_ts)] : t("event.unreported")));
  return h("ol", { class: "events" }, list.map(one));
}

function actions(message) {
  const may = message.status === "error" || message.status === "deferred";
  return h("div", { class: "actions", role: "group", "aria-label": t("actions") },
    may ? button(t("requeue.button"), () => requeueMessages([message]), { look: "primary" }) : null,
    button(t("delete"), () => deleteMessages([message]), { look: "outline-danger" }));
}

function body(content) {
  if (content.body === undefined) return null;
  return h("details", { class: "body" }, h("summary", {}, t("body")), h("pre", {}, content.body));
}

function draw(place, answer, id) {
  const back = h("a", { class: "back", href: link("messages", { id: undefined, tenant: here().params.tenant }) }, t("back"));
  if (answer instanceof Error) {
    show(place, back, h("div", { class: "view-head" }, h("h1", {}, t("message.title", { id }))), section(t("message.itself"), answer));
    return;
  }
  const { message } = answer;
  show(place, back,
    h("div", { class: "view-head" }, h("h1", {}, message.message.subject || t("no_subject"), " ", badge("status", message.status)), actions(message)),
    h("p", { class: "under" }, h("code", { class: "id" }, message.id)),
    h("div", { class: "columns" },
      h("div", {}, section(t("explanation"), answer, () => explanation(answer.explanation ?? [])),
        section(t("attempts"), answer, () => (answer.attempts?.length ? h("ol", { class: "attempts" }, answer.attempts.map(attempt)) : nothing(t("attempts.none"))))),
      h("div", {}, section(t("message.itself"), answer, () => [facts(message), body(message.message)]),
        section(t("events"), answer, () => events(message.history ?? [])))));
}

export const message = {
  open(place) {
    const { id = "" } = here().params;

    async function asked() {
      let answer;
      try {
        answer = await get(`message/${segment(id)}`, { tenant_id: chosenTenant() });
      } catch (error) {
        if (error.isOutage) throw error;
        answer = error;
      }
      return () => draw(place, answer, id);
    }

    return { asked };
  },
};
