// actions.js - what can be done: each asks first, says exactly what it will do, and afterwards what it did.
import { ask, get, post } from "./api.js";
import { askFirst } from "./dialog.js";
import { h } from "./dom.js";
import { field, input } from "./parts.js";
import { session } from "./session.js";
import { t } from "./text.js";

/* A tenant's token needs no tenant named. */
const about = (tenant) => (session.who.admin ? tenant : undefined);
const whose = (tenant) => (tenant ? t("of.tenant", { tenant }) : t("of.all"));

function list(ids) {
  const shown = ids.slice(0, 5);
  return h("ul", { class: "ids" }, shown.map((id) => h("li", {}, h("code", {}, id))), ids.length > shown.length ? h("li", {}, t("and_more", { n: ids.length - shown.length })) : null);
}

export function runNow(tenant) {
  return askFirst({
    title: t("run_now"),
    says: [t("run_now.says", { whose: whose(tenant ?? session.who.tenant_id) }), tenant || !session.who.admin ? t("run_now.disturbs") : t("run_now.spares")],
    button: t("run_now"),
    act: async () => {
      await post("commands/run-now", undefined, { tenant_id: about(tenant) });
      return [t("run_now.did")];
    },
  });
}

/* How much is waiting there, for the question; "" where nobody can say. */
async function waiting(tenant, batch) {
  if (batch) return "";
  try {
    const { accounts } = await get("queue", { tenant_id: about(tenant) });
    const n = accounts.reduce((sum, row) => sum + row.waiting, 0);
    return t("suspend.waiting", { n });
  } catch {
    return "";
  }
}

function suspended(answer) {
  if (answer.active !== undefined) return [t(answer.active ? "service.active" : "service.suspended")];
  const batches = answer.suspended_batches ?? [];
  const state = batches.includes("*") ? t("suspended.all", { tenant: answer.tenant_id })
    : batches.length ? t("suspended.batches", { tenant: answer.tenant_id, batches: batches.join(", ") })
      : t("suspended.none", { tenant: answer.tenant_id });
  return [state, t("suspended.pending", { n: answer.pending_messages ?? 0 })];
}

/* what: "suspend" or "activate". batch: undefined: all of the tenant. */
export async function suspendOrActivate(what, tenant, batch) {
  const meant = batch ? t("of.batch", { batch, tenant: tenant ?? session.who.tenant_id }) : whose(tenant ?? session.who.tenant_id);
  const rest = [await waiting(tenant, batch)].filter(Boolean);
  return askFirst({
    title: t(batch ? `${what}.batch` : `${what}.tenant`),
    says: [t(`${what}.says`, { whose: meant }), ...rest],
    button: t(what),
    danger: what === "suspend",
    act: async () => suspended(await post(`commands/${what}`, undefined, { tenant_id: about(tenant), batch_code: batch })),
  });
}

export function suspendBatch(tenant) {
  return askFirst({
    title: t("suspend.batch"),
    says: [t("suspend.batch.says", { whose: whose(tenant ?? session.who.tenant_id) }), field(t("batch"), input("batch", { required: true, maxlength: 64, pattern: "[^,]+" }), t("batch.help"))],
    button: t("suspend"),
    danger: true,
    act: async (form) => suspended(await post("commands/suspend", undefined, { tenant_id: about(tenant), batch_code: form.get("batch") })),
  });
}

/* [[tenant, ids]] of messages: ids are a tenant's own. */
function byTenant(messages) {
  const found = new Map();
  for (const { tenant_id, id } of messages) found.set(tenant_id, [...(found.get(tenant_id) ?? []), id]);
  return [...found];
}

export function deleteMessages(messages) {
  return askFirst({
    title: t("delete.title"),
    says: [t("delete.says", { n: messages.length }), list(messages.map((m) => m.id))],
    button: t("delete.button", { n: messages.length }),
    danger: true,
    act: async () => {
      const did = [];
      let removed = 0;
      for (const [tenant, ids] of byTenant(messages)) {
        const answer = await post("commands/delete-messages", { tenant_id: tenant, ids });
        removed += answer.removed;
        if (answer.not_found?.length) did.push(t("delete.missing", { n: answer.not_found.length }), list(answer.not_found));
        if (answer.busy?.length) did.push(t("delete.busy", { n: answer.busy.length }), list(answer.busy));
      }
      return [t("delete.did", { n: removed }), ...did];
    },
  });
}

/* Bodies of POST /commands/requeue for these messages. */
const requeues = (messages) => byTenant(messages).map(([tenant, ids]) => ({ tenant_id: tenant, ids }));

/* bodies: as above, or one that names account, batch and status. The server is asked first how many it would be. */
async function requeue(bodies, says) {
  const sum = async (dry_run) => {
    let n = 0;
    let left = 0;
    for (const body of bodies) {
      const answer = await post("commands/requeue", { ...body, dry_run });
      n += answer.requeued;
      left += answer.remaining ?? 0;
    }
    return [n, left];
  };
  let would;
  try {
    const [n, left] = await sum(true);
    would = [t("requeue.would", { n }), left ? t("requeue.remain", { n: left }) : ""].join(" ").trim();
  } catch (error) {
    would = error.message;
  }
  return askFirst({
    title: t("requeue.title"),
    says: [says, would, t("requeue.afresh")],
    button: t("requeue.button"),
    act: async () => {
      const [n, left] = await sum(false);
      return [t("requeue.did", { n }), ...(left ? [t("requeue.remain", { n: left })] : [])];
    },
  });
}

export const requeueMessages = (messages) => requeue(requeues(messages), t("requeue.says", { n: messages.length }));

export function requeueAll({ tenant, account, batch, status }) {
  const body = { tenant_id: about(tenant), account_id: account || undefined, batch_code: batch || undefined, status };
  return requeue([body], t("requeue.all.says", { status: t(`status.${status}`), whose: whose(tenant ?? session.who.tenant_id) }));
}

export function cleanup(tenant) {
  return askFirst({
    title: t("cleanup.title"),
    says: [t("cleanup.says", { whose: whose(tenant ?? session.who.tenant_id) }), field(t("cleanup.age"), input("hours", { type: "number", min: 0, max: 87600, value: 24, required: true }))],
    button: t("cleanup.button"),
    danger: true,
    act: async (form) => {
      const answer = await post("commands/cleanup-messages", { tenant_id: about(tenant), older_than_seconds: Math.round(Number(form.get("hours")) * 3600) });
      return [t("cleanup.did", { n: answer.removed })];
    },
  });
}

export function deleteRule(rule, text) {
  return askFirst({
    title: t("rule.delete"),
    says: [t("rule.delete.says", { rule: text })],
    button: t("rule.delete"),
    danger: true,
    act: async () => {
      const { rules } = await ask("DELETE", `commands/rules/${rule.id}`);
      return [t("rule.delete.did", { n: rules.length })];
    },
  });
}

export function switchRule(rule, text) {
  const what = rule.enabled ? "off" : "on";
  return askFirst({
    title: t(`rule.${what}`),
    says: [t(`rule.${what}.says`, { rule: text })],
    button: t(`rule.${what}`),
    act: async () => {
      await ask("PATCH", `commands/rules/${rule.id}`, { body: { enabled: !rule.enabled } });
      return [t(`rule.${what}.did`)];
    },
  });
}
