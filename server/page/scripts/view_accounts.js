// view_accounts.js - the ways out: whether each works, why not, and what its limits leave.
import { runNow } from "./actions.js";
import { gather, get } from "./api.js";
import { h, show } from "./dom.js";
import { badge, button, moment, named, nothing, section } from "./parts.js";
import { chosenTenant, link } from "./route.js";
import { session } from "./session.js";
import { number, t, word } from "./text.js";

function limit(one) {
  const left = t("limit.left", { n: one.left, limit: one.limit });
  return h("li", { "data-key": one.window },
    h("span", { title: one.whole_tenant ? t("limit.tenant") : null }, word("window", one.window), one.whole_tenant ? " *" : null),
    h("meter", { min: 0, max: one.limit, value: one.used, high: one.limit * 0.9, "aria-label": `${word("window", one.window)}: ${left}` }),
    h("span", { class: "num" }, left),
    one.left === 0 && one.next_free_ts ? h("span", { class: "quiet" }, t("limit.frees"), " ", moment(one.next_free_ts)) : null);
}

function connections(account) {
  if (account.connections === undefined) return null;
  return account.max_connections ? t("connections.of", { n: account.connections, most: account.max_connections }) : t("connections", { n: account.connections });
}

function card(account) {
  const rows = [
    [t("relay"), h("code", {}, `${account.host}:${account.port}`)],
    ...(session.who.admin ? [[t("tenant"), named(account.tenant_id)]] : []),
    [t("fact.reason"), account.reason && h("span", { lang: "en" }, account.reason)],
    [t("until.label"), account.until_ts && moment(account.until_ts)],
    [t("failures"), account.failures ? number(account.failures) : null],
    [t("connections.label"), connections(account)],
    [t("last_used"), account.served_ts && moment(account.served_ts)],
  ];
  return h("li", { class: "card-box", "data-key": `${account.tenant_id}/${account.account_id}` },
    h("h3", {}, named(account.account_id, account.account_name), " ", badge("state", account.state)),
    h("dl", { class: "facts" }, rows.filter(([, value]) => value).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    account.windows?.length ? h("ul", { class: "limits", "aria-label": t("limits") }, account.windows.map(limit)) : h("p", { class: "quiet" }, t("limits.none")),
    account.windows?.some((one) => one.whole_tenant) ? h("p", { class: "quiet" }, "* ", t("limit.tenant")) : null,
    account.warnings?.length ? h("ul", { class: "warnings", lang: "en" }, account.warnings.map((text) => h("li", {}, text))) : null,
    h("a", { href: link("messages", { tenant: session.who.admin ? account.tenant_id : undefined, account: account.account_id }) }, t("account.messages")));
}

function list({ accounts }) {
  if (!accounts.length) return nothing(t("accounts.none"));
  return h("ul", { class: "card-list" }, accounts.map(card));
}

export const accounts = {
  open(place) {
    async function asked() {
      const { health } = await gather({ health: get("accounts/health", { tenant_id: chosenTenant() }) });
      return () => show(place,
        h("div", { class: "view-head" }, h("h1", {}, t("nav.accounts")),
          h("div", { class: "actions" }, button(t("run_now"), () => runNow(chosenTenant()), { look: "primary" }))),
        section(t("accounts.all"), health, list));
    }

    return { asked };
  },
};
