// main.js - the frame around the views: who is here, where, and whether what is seen is still true.
import { get } from "./api.js";
import { h, show, tell } from "./dom.js";
import { again, follow, leave, onConnection } from "./live.js";
import { login, whoIs } from "./login.js";
import { badge, select } from "./parts.js";
import { chosenTenant, go, here, link } from "./route.js";
import { forget, remember, session } from "./session.js";
import { language, languages, setLanguage, t } from "./text.js";
import { accounts } from "./view_accounts.js";
import { message } from "./view_message.js";
import { messages } from "./view_messages.js";
import { queue } from "./view_queue.js";
import { rules } from "./view_rules.js";
import { tenants } from "./view_tenants.js";

const views = { queue, messages, message, accounts, rules, tenants };
const ADMIN_ONLY = ["rules", "tenants"];
const NAVIGATION = ["queue", "messages", "accounts", ...ADMIN_ONLY];

const top = document.getElementById("top");
const main = document.getElementById("main");
const lost = document.getElementById("lost");

let view = null; // what is shown, as its open() gave it
let skew = 0; // the server's clock less ours, seconds
let tenantList = [];

session.now = () => Date.now() / 1000 + skew;

function tenantChoice() {
  if (!session.who.admin) return h("span", { class: "own" }, session.who.tenant_id);
  const options = [["", t("tenants.every")], ...tenantList.map((tenant) => [tenant.id, tenant.name ? `${tenant.name} (${tenant.id})` : tenant.id])];
  return select("tenant", options, chosenTenant(), {
    "data-kept": true, "data-key": JSON.stringify([options, chosenTenant() ?? ""]), "aria-label": t("tenant.choose"), onchange: (event) => go(here().name === "message" ? "messages" : here().name, { tenant: event.target.value }),
  });
}

function tools() {
  return h("div", { class: "tools" },
    h("button", { type: "button", class: "btn btn-sm btn-tool", onclick: () => { theme.turn(); drawTop(); }, "aria-label": t(theme.dark ? "theme.light" : "theme.dark"), title: t(theme.dark ? "theme.light" : "theme.dark") }, theme.dark ? "☀" : "☾"),
    languages.filter((name) => name !== language).map((name) => h("button", { type: "button", class: "btn btn-sm btn-tool", lang: name, onclick: () => setLanguage(name), "aria-label": t(`language.${name}`), title: t(`language.${name}`) }, name.toUpperCase())),
    session.token ? h("button", { type: "button", class: "btn btn-sm btn-tool", onclick: logOut }, t("logout")) : null,
    session.who && !session.token ? h("button", { type: "button", class: "btn btn-sm btn-tool", onclick: () => askForToken() }, t("login")) : null);
}

function drawTop() {
  const brand = h("span", { class: "brand" }, "mailproxy");
  if (!session.who) {
    show(top, h("div", { class: "bar" }, brand, tools()));
    return;
  }
  const items = NAVIGATION.filter((name) => session.who.admin || !ADMIN_ONLY.includes(name));
  const now = here().name === "message" ? "messages" : here().name;
  show(top,
    h("div", { class: "bar" }, brand, session.who.active === false ? badge("state", "suspended") : null, tenantChoice(), tools()),
    h("nav", { "aria-label": t("nav") }, h("ul", {}, items.map((name) =>
      h("li", {}, h("a", { href: link(name, { tenant: chosenTenant() }), "aria-current": name === now ? "page" : null }, t(`nav.${name}`)))))));
}

function closeView() {
  leave();
  view?.close?.();
  view = null;
}

function askForToken(why) {
  closeView();
  show(lost);
  forget();
  drawTop();
  document.title = `${t("login")} – mailproxy`;
  login(main, why, start);
}

function logOut() {
  askForToken();
  tell(t("logged_out"));
}

/* Who we are may change while we look, and so may the state of the service. */
async function whoAndWhat(asked) {
  const [draw, who] = await Promise.all([asked(), whoIs(session.token)]);
  return () => {
    session.who = who;
    skew = who.now_ts - Date.now() / 1000;
    drawTop();
    draw();
  };
}

async function loadTenants() {
  if (session.who.admin) tenantList = (await get("tenants").catch(() => ({ tenants: [] }))).tenants;
}

/* Another view, or the same of another thing: the heading gets the focus, for whoever cannot see that all is new. */
async function route() {
  const { name } = here();
  const known = views[name] && (session.who.admin || !ADMIN_ONLY.includes(name)) ? name : "queue";
  const first = !view;
  closeView();
  main.replaceChildren(h("p", { class: "quiet", role: "status" }, t("loading")));
  drawTop();
  document.title = `${t(known === "message" ? "nav.messages" : `nav.${known}`)} – mailproxy`;
  main.className = `view-${known}`;
  const place = h("div");
  view = views[known].open(place);
  const asked = view.asked;
  await follow(() => whoAndWhat(async () => {
    const draw = await asked();
    return () => {
      if (!place.isConnected) {
        main.replaceChildren(place);
        if (!first) main.focus();
      }
      draw();
    };
  }));
}

async function start() {
  document.getElementById("skip").textContent = t("skip");
  await loadTenants();
  await route();
}

onConnection(({ lost: isLost, why, again: seconds }) => {
  if (isLost) show(lost, h("span", {}, t("lost", { why, n: seconds })), h("button", { type: "button", class: "btn btn-sm btn-outline-light", onclick: again }, t("lost.again")));
  else if (lost.firstChild) {
    show(lost);
    tell(t("lost.back"));
  }
});

addEventListener("hashchange", () => session.who && loadTenants().then(route));
addEventListener("theme", () => view?.recolour?.());
addEventListener("logged-out", () => askForToken(t("login.ended")));

/* With the token of this tab; without one where the server asks for none. */
async function begin() {
  try {
    const who = await whoIs(session.token);
    remember(session.token, who);
    await start();
  } catch (error) {
    askForToken(error.status === 401 ? (session.token ? t("login.ended") : undefined) : error.message);
  }
}

drawTop();
begin();
