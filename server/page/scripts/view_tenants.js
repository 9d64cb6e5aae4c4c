// view_tenants.js - the admin's: who may hand over mail, with which token, and when each was last called.
import { ask, gather, get, post, segment } from "./api.js";
import { runNow, suspendBatch, suspendOrActivate } from "./actions.js";
import { askFirst } from "./dialog.js";
import { h, show, tell } from "./dom.js";
import { badge, button, field, input, moment, named, nothing, section, table } from "./parts.js";
import { link } from "./route.js";
import { t } from "./text.js";

/* A token, to be copied; it is shown here and never again. */
function keyShown(key) {
  const box = input("key", { readonly: true, value: key, class: "form-control key", onclick: (event) => event.target.select() });
  const copy = async () => {
    box.select();
    try {
      await navigator.clipboard.writeText(key);
      tell(t("key.copied"));
    } catch {
      document.execCommand("copy"); // without TLS there is no clipboard but this
    }
  };
  return [h("p", {}, t("key.once")), field(t("key"), box), button(t("key.copy"), copy)];
}

function newTenant() {
  return askFirst({
    title: t("tenant.new"),
    says: [t("tenant.new.says"), field(t("tenant.id"), input("id", { required: true, maxlength: 255 })), field(t("tenant.name"), input("name")),
      field(t("tenant.url"), input("client_base_url", { type: "url", placeholder: "https://" }), t("tenant.url.help"))],
    button: t("tenant.create"),
    act: async (form) => {
      const id = form.get("id");
      const known = await get("tenants");
      if (known.tenants.some((tenant) => tenant.id === id)) throw new Error(t("tenant.exists", { id })); // POST would replace its fields
      const answer = await post("tenant", { id, name: form.get("name") || undefined, client_base_url: form.get("client_base_url") || undefined });
      return [t("tenant.created", { id }), ...(answer.api_key ? keyShown(answer.api_key) : [])];
    },
  });
}

function newKey(tenant) {
  return askFirst({
    title: t("key.new"),
    says: [t("key.new.says", { tenant: tenant.id })],
    button: t("key.new"),
    danger: true,
    act: async () => keyShown((await post(`tenant/${segment(tenant.id)}/api-key`)).api_key),
  });
}

function revokeKey(tenant) {
  return askFirst({
    title: t("key.revoke"),
    says: [t("key.revoke.says", { tenant: tenant.id })],
    button: t("key.revoke"),
    danger: true,
    act: async () => {
      await ask("DELETE", `tenant/${segment(tenant.id)}/api-key`);
      return [t("key.revoked", { tenant: tenant.id })];
    },
  });
}

function row(tenant, suspended) {
  const batches = suspended.get(tenant.id) ?? [];
  const all = batches.includes("*");
  const labelled = (key, act, look) => button(t(key), act, { look, label: `${t(key)}: ${tenant.id}` });
  return {
    ...tenant,
    state: h("div", {}, badge("tenant_state", all ? "suspended" : tenant.active ? "active" : "not_polled"),
      batches.filter((batch) => batch !== "*").map((batch) => h("div", { class: "batch" }, h("code", {}, batch), " ", button(t("activate"), () => suspendOrActivate("activate", tenant.id, batch), { label: t("activate.one", { what: batch }) })))),
    actions: h("details", { class: "more" }, h("summary", { "aria-label": t("actions.of", { what: tenant.id }) }, t("actions")), h("div", { class: "actions" },
      all ? labelled("activate", () => suspendOrActivate("activate", tenant.id)) : labelled("suspend", () => suspendOrActivate("suspend", tenant.id)),
      labelled("suspend.batch", () => suspendBatch(tenant.id)),
      labelled("run_now", () => runNow(tenant.id)),
      labelled("key.new", () => newKey(tenant)),
      labelled("key.revoke", () => revokeKey(tenant), "outline-danger"))),
  };
}

function list(answers) {
  const synced = new Map((answers.sync.tenants ?? []).map((each) => [each.id, each]));
  const suspended = new Map((answers.queue.suspended ?? []).map((each) => [each.tenant_id, each.batches]));
  const sync = (tenant) => synced.get(tenant.id) ?? {};
  const columns = [
    [t("tenant"), (tenant) => h("a", { href: link("queue", { tenant: tenant.id }) }, named(tenant.id, tenant.name))],
    [t("status"), (tenant) => tenant.state],
    [t("tenant.url"), (tenant) => tenant.client_base_url ?? "–", "wide"],
    [t("tenant.last_sync"), (tenant) => [sync(tenant).in_dnd ? [t("tenant.undisturbed"), " "] : null, moment(sync(tenant).last_sync_ts)]],
    [t("tenant.since"), (tenant) => moment(tenant.created_at)],
    [t("actions"), (tenant) => tenant.actions],
  ];
  return ({ tenants: all }) => (all.length ? table(t("nav.tenants"), columns, all.map((tenant) => row(tenant, suspended)), (tenant) => tenant.id) : nothing(t("tenants.none")));
}

export const tenants = {
  open(place) {
    async function asked() {
      const answers = await gather({ tenants: get("tenants"), sync: get("tenants/sync-status"), queue: get("queue") });
      return () => show(place,
        h("div", { class: "view-head" }, h("h1", {}, t("nav.tenants")), h("div", { class: "actions" }, button(t("tenant.new"), newTenant, { look: "primary" }))),
        section(t("tenants.all"), answers.tenants, list(answers)));
    }

    return { asked };
  },
};
