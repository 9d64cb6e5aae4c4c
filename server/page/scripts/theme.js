// theme.js - light or dark, before anything is drawn: hence no module. The system decides until somebody else does.
"use strict";

(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => localStorage.getItem("mailproxy.theme");

  function apply() {
    document.documentElement.dataset.theme = chosen() ?? (system.matches ? "dark" : "light");
    dispatchEvent(new Event("theme"));
  }

  window.theme = {
    get dark() {
      return document.documentElement.dataset.theme === "dark";
    },
    turn() {
      const wanted = this.dark ? "light" : "dark";
      if ((wanted === "dark") === system.matches) localStorage.removeItem("mailproxy.theme");
      else localStorage.setItem("mailproxy.theme", wanted);
      apply();
    },
  };
  system.addEventListener("change", apply);
  apply();
})();
