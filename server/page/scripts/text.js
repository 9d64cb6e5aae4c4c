// text.js - the language: texts by key, numbers, times. All texts are in locale_*.js.
import en from "./locale_en.js";
import it from "./locale_it.js";

const locales = { en, it };

function choose() {
  const chosen = localStorage.getItem("mailproxy.language");
  const wanted = chosen ?? navigator.languages.map((name) => name.slice(0, 2)).find((name) => name in locales);
  return wanted in locales ? wanted : "en";
}

export const language = choose();
export const languages = Object.keys(locales);

document.documentElement.lang = language;

/* Another language is another page: every text on it changes. */
export function setLanguage(name) {
  localStorage.setItem("mailproxy.language", name);
  location.reload();
}

const plural = new Intl.PluralRules(language);
const plain = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });

/* The text of a key, with {names} filled in. Where it has a form for one and for others, `n` says which. */
export function t(key, values = {}) {
  let text = locales[language][key];
  if (text === undefined) throw new Error(`no text "${key}" in ${language}`);
  if (typeof text === "object") text = text[plural.select(Number(values.n))] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (all, name) => {
    const value = values[name];
    return typeof value === "number" ? plain.format(value) : String(value ?? "");
  });
}

/* The text of `prefix.word`, or the word itself where a newer server says one that this page does not know. */
export function word(prefix, name) {
  return `${prefix}.${name}` in locales[language] ? t(`${prefix}.${name}`) : String(name);
}

export const number = (value) => plain.format(value);

const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

/* 93784 -> "1 day 2 hr": the two largest units, as the language writes them. */
export function duration(seconds) {
  let left = Math.max(0, seconds);
  const parts = [];
  if (left < 1 && left > 0) return t("milliseconds", { n: Math.round(left * 1000) });
  for (const [unit, length] of UNITS) {
    const n = Math.floor(left / length);
    left -= n * length;
    if (n || (unit === "second" && !parts.length))
      parts.push(new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short" }).format(n));
    if (parts.length === 2 || (parts.length && !n)) break;
  }
  return parts.join(" ");
}

const clock = new Intl.DateTimeFormat(language, { hourCycle: "h23", hour: "2-digit", minute: "2-digit", second: "2-digit" });
const shortClock = new Intl.DateTimeFormat(language, { hourCycle: "h23", hour: "2-digit", minute: "2-digit" });
const full = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
const near = new Intl.DateTimeFormat(language, { hourCycle: "h23", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

/* Seconds since the epoch, or a time in ISO 8601, to a Date. */
const dateOf = (ts) => (typeof ts === "number" ? new Date(ts * 1000) : new Date(ts));

export function time(ts) {
  const date = dateOf(ts);
  return date.toDateString() === new Date().toDateString() ? clock.format(date) : near.format(date);
}

export const fullTime = (ts) => full.format(dateOf(ts));
export const hourMinute = (ts) => shortClock.format(dateOf(ts));

/* 0 is Monday, as the rules count. */
export function weekday(day, width = "long") {
  return new Intl.DateTimeFormat(language, { weekday: width, timeZone: "UTC" }).format(new Date(Date.UTC(2024, 0, 1 + day)));
}
