// view_messages.js - the messages: searched, filtered, in pages; some of them deleted or sent again.
import { deleteMessages, requeueMessages, suspendOrActivate } from "./actions.js";
import { get } from "./api.js";
import { h, keep, show } from "./dom.js";
import { again } from "./live.js";
import { badge, button, field, input, moment, named, nothing, section, select, table, tick } from "./parts.js";
import { change, chosenTenant, here, link } from "./route.js";
import { session } from "./session.js";
import { t } from "./text.js";

const PAGE = 50;
const STATUSES = ["pending", "sending", "deferred", "sent", "error"];
const TYPING_MS = 400;
const ROUNDS = 10; // of one search; the rest is another page

const keyOf = (message) => `${message.tenant_id}/${message.id}`;
const recipients = (content) => [content.to, content.cc, content.bcc].flat().filter(Boolean).join(", ");

export const messageLink = (message) => link("message", { tenant: session.who.admin ? message.tenant_id : undefined, id: message.id });

/* What happened to it last, and when. */
function last(message) {
  if (message.status === "sent") return moment(message.sent_ts);
  if (message.status === "error") return [moment(message.error_ts), h("div", { class: "why" }, message.error)];
  if (message.status === "deferred") return [message.deferred_ts ? t("until", { when: "" }) : "", message.deferred_ts ? moment(message.deferred_ts) : null, h("div", { class: "why" }, message.deferred_reason)];
  return moment(message.created_at);
}

/* A page of the list. One request of a search looks at a part of the messages only, so that it may take several. */
async function page(query, after) {
  const found = [];
  let rounds = 0;
  let next = after;
  do {
    const answer = await get("messages", { ...query, limit: PAGE - found.length, after: next });
    found.push(...answer.messages);
    next = answer.next;
    rounds++;
  } while (next && found.length < PAGE && rounds < ROUNDS);
  return { messages: found, next };
}

/* The filters; built once, for a list that is drawn again must not take the cursor away from who types. */
function filters(onChange) {
  const { params } = here();
  let timer = 0;
  const changed = () => onChange(Object.fromEntries(new FormData(form)));
  const typed = () => {
    clearTimeout(timer);
    timer = setTimeout(changed, TYPING_MS);
  };
  const text = (name) => input(name, { value: params[name], oninput: typed, type: "search" });
  const form = h("form", { class: "filters", role: "search", "aria-label": t("filters"), onsubmit: (event) => event.preventDefault(), "data-kept": true },
    field(t("search"), text("search"), t("search.help")),
    field(t("status"), select("status", [["", t("any")], ...STATUSES.map((each) => [each, t(`status.${each}`)])], params.status, { onchange: changed })),
    field(t("account"), text("account")),
    field(t("batch"), text("batch")));
  return form;
}

function columns(chosen, onTick) {
  return [
    [t("subject"), (message) => h("a", { href: messageLink(message) }, message.message.subject || t("no_subject")), "wide"],
    [t("to"), (message) => h("span", { class: "addresses" }, recipients(message.message)), "wide"],
    [t("status"), (message) => badge("status", message.status)],
    [t("last"), last],
    [t("account"), (message) => [session.who.admin && !chosenTenant() ? [named(message.tenant_id), " / "] : null, named(message.account_id)]],
    [t("id"), (message) => h("code", { class: "id" }, message.id)],
    [t("choose"), (message) => h("input", { type: "checkbox", class: "form-check-input", checked: chosen.has(keyOf(message)), onchange: () => onTick(message), "aria-label": t("choose.one", { id: message.id }) }), "tick"],
  ];
}

function pager(state, next, turn) {
  return h("nav", { class: "pager", "aria-label": t("pages") },
    button(t("page.previous"), () => turn(-1), { disabled: state.cursors.length < 2 }),
    h("span", { "aria-live": "polite" }, t("page.number", { n: state.cursors.length })),
    button(t("page.next"), () => turn(1, next), { disabled: !next }));
}

function chosenActions(chosen, all, onAll) {
  const some = [...chosen.values()];
  const batch = here().params.batch;
  return h("div", { class: "actions chosen" },
    tick("all", t("choose.all"), all.length > 0 && all.every((message) => chosen.has(keyOf(message))), { onchange: onAll, disabled: !all.length }),
    h("span", { class: "quiet" }, t("chosen", { n: some.length })),
    button(t("requeue.button"), () => requeueMessages(some), { disabled: !some.length }),
    button(t("delete"), () => deleteMessages(some), { look: "outline-danger", disabled: !some.length }),
    batch && (chosenTenant() || !session.who.admin) ? [
      button(t("suspend.batch"), () => suspendOrActivate("suspend", chosenTenant(), batch)),
      button(t("activate.batch"), () => suspendOrActivate("activate", chosenTenant(), batch))] : null);
}

export const messages = {
  open(place) {
    const state = { cursors: [""], chosen: new Map() };
    const form = filters((params) => {
      state.cursors = [""];
      change(params);
      again();
    });

    function turn(by, next) {
      if (by > 0) state.cursors.push(next);
      else state.cursors.pop();
      state.chosen.clear();
      again().then(() => document.getElementById("list")?.focus());
    }

    function ticked(message) {
      if (!state.chosen.delete(keyOf(message))) state.chosen.set(keyOf(message), message);
      draw();
    }

    let answer = null;

    function everything(event) {
      state.chosen.clear();
      if (event.target.checked) for (const message of answer.messages) state.chosen.set(keyOf(message), message);
      draw();
    }

    function list({ messages: found, next }) {
      if (!found.length && state.cursors.length < 2 && !next) return nothing(t("messages.none"));
      return h("div", { id: "list", tabindex: "-1" },
        chosenActions(state.chosen, found, everything), table(t("nav.messages"), columns(state.chosen, ticked), found, keyOf),
        next && found.length < PAGE ? h("p", { class: "quiet" }, t("messages.searched")) : null, pager(state, next, turn));
    }

    function draw() {
      show(place, h("div", { class: "view-head" }, h("h1", {}, t("nav.messages"))), keep(form), section(t("messages.found"), answer, list));
    }

    async function asked() {
      const { params } = here();
      const query = { tenant_id: chosenTenant(), search: params.search, status: params.status, account_id: params.account, batch_code: params.batch };
      let given;
      try {
        given = await page(query, state.cursors.at(-1));
      } catch (error) {
        if (error.isOutage) throw error;
        given = error;
      }
      return () => {
        answer = given;
        for (const key of state.chosen.keys()) if (answer instanceof Error || !answer.messages.some((message) => keyOf(message) === key)) state.chosen.delete(key);
        draw();
      };
    }

    return { asked };
  },
};
