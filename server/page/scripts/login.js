// login.js - a token, and whose it is.
import { ask } from "./api.js";
import { h, show } from "./dom.js";
import { field, input } from "./parts.js";
import { remember } from "./session.js";
import { t } from "./text.js";

/* Who a token makes of us; null: none. Throws what the server says against it. */
export const whoIs = (token) => ask("GET", "whoami", { token });

export function login(place, why, onDone) {
  const problem = h("div", { class: "problem", role: "alert" }, why ?? "");
  const token = input("token", { type: "password", required: true, class: "form-control", autocomplete: "current-password" });
  const form = h("form", { class: "login" }, h("h1", {}, t("login.title")), h("p", { class: "quiet" }, t("login.about")), field(t("login.token"), token), problem,
    h("button", { type: "submit", class: "btn btn-primary" }, t("login")));
  form.onsubmit = async (event) => {
    event.preventDefault();
    show(problem);
    try {
      const given = token.value.trim();
      remember(given, await whoIs(given));
      onDone();
    } catch (error) {
      show(problem, error.status === 401 ? t("login.refused") : error.message);
      token.focus();
      token.select();
    }
  };
  place.replaceChildren(form);
  token.focus();
}
