// dialog.js - asking first, and saying what was done. The browser's own dialog keeps the focus in it and gives it back.
import { h, show, tell } from "./dom.js";
import { again } from "./live.js";
import { t } from "./text.js";

const dialog = document.getElementById("dialog");

function heading(text) {
  return h("h2", { id: "dialog-title", class: "h5" }, text);
}

function paragraphs(texts) {
  return texts.map((text) => (text instanceof Node ? text : h("p", {}, text)));
}

function close() {
  dialog.close();
}

/* Open it with these nodes; resolves when it is closed. */
function open(...nodes) {
  dialog.replaceChildren(...nodes);
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
}

dialog.addEventListener("close", () => {
  dialog.replaceChildren(); // a new token, say, is gone with it
  if (document.activeElement === document.body) document.getElementById("main").focus(); // what was pressed is gone: a row that was deleted
});

/* What was done: the same dialog, with nothing left but to close it. */
function showDone(title, texts) {
  const button = h("button", { type: "button", class: "btn btn-primary", onclick: close }, t("dialog.close"));
  dialog.replaceChildren(heading(title), h("div", { class: "done" }, paragraphs(texts)), h("div", { class: "buttons" }, button));
  tell(texts.filter((text) => typeof text === "string").join(" "));
  button.focus();
}

function buttonsOf(button, danger) {
  return h("div", { class: "buttons" },
    h("button", { type: "button", class: "btn btn-outline-secondary", onclick: close }, t("dialog.cancel")),
    h("button", { type: "submit", class: `btn ${danger ? "btn-danger" : "btn-primary"}` }, button));
}

/*
 * Ask, then do. `says`: what exactly will happen, texts and nodes, fields among them. `act` gets the form's data and resolves to what
 * was done, as texts and nodes; what it throws is shown, and it may be tried again.
 */
export function askFirst({ title, says, button, danger = false, act }) {
  if (dialog.open) return Promise.resolve(); // pressed twice, while the server was asked what to say
  const problem = h("div", { class: "problem", role: "alert" });
  const form = h("form", {}, heading(title), h("div", { class: "says" }, paragraphs(says)), problem, buttonsOf(button, danger));
  form.onsubmit = async (event) => {
    event.preventDefault();
    const data = new FormData(form);
    const controls = [...form.elements];
    for (const control of controls) control.disabled = true;
    show(problem);
    try {
      showDone(title, await act(data));
      again();
    } catch (error) {
      for (const control of controls) control.disabled = false;
      show(problem, error.message);
      form.querySelector("[type=submit]").focus();
    }
  };
  return open(form);
}
