// api.js - requests to the server that sent this page, at paths relative to it: a proxy may have put a prefix before them.
import { session } from "./session.js";
import { t } from "./text.js";

const PATIENCE_MS = 20000;

/* What went wrong. status 0: no answer. */
export class Failure extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }

  /* Nothing to do with what was asked: it may go well the next time. */
  get isOutage() {
    return this.status === 0 || this.status >= 500;
  }
}

/* {"detail": text or list of what does not fit}. */
function reasonOf(status, answer) {
  const detail = answer?.detail;
  if (Array.isArray(detail)) return detail.map((each) => `${each.loc?.at(-1)}: ${each.msg}`).join("; ");
  return detail ? String(detail) : t("error.status", { status: String(status) });
}

async function fetchText(method, path, query, body, token) {
  const url = new URL(path, document.baseURI);
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), PATIENCE_MS);
  try {
    const headers = { ...(token ? { "X-API-Token": token } : {}), ...(body ? { "Content-Type": "application/json" } : {}) };
    const response = await fetch(url, { method, headers, body: body && JSON.stringify(body), signal: stop.signal, cache: "no-store", redirect: "error" });
    return [response.status, await response.text()];
  } catch (error) {
    throw new Failure(0, t(error.name === "AbortError" ? "error.slow" : "error.unreachable"));
  } finally {
    clearTimeout(timer);
  }
}

/* The answer's JSON; a Failure where it is none of 2xx. */
export async function ask(method, path, { query, body, token = session.token } = {}) {
  const [status, text] = await fetchText(method, path, query, body, token);
  let answer = null;
  try {
    answer = JSON.parse(text);
  } catch {
    if (status < 300) throw new Failure(502, t("error.no_json"));
  }
  if (status >= 300) {
    if (status === 401 && path === "whoami" && session.who) dispatchEvent(new Event("logged-out")); // elsewhere it may be about a tenant
    throw new Failure(status, reasonOf(status, answer));
  }
  return answer;
}

export const get = (path, query) => ask("GET", path, { query });
export const post = (path, body, query) => ask("POST", path, { body, query });

/* A part of a path: ids hold what they like. */
export const segment = (id) => encodeURIComponent(id);

/*
 * Several answers at once, each by its name: {name: answer or Failure}. Throws where every one of them failed for an outage, so that
 * one that is missing leaves the others on the page.
 */
export async function gather(asked) {
  const names = Object.keys(asked);
  const ended = await Promise.allSettled(Object.values(asked));
  const answers = Object.fromEntries(names.map((name, i) => [name, ended[i].value ?? ended[i].reason]));
  const failed = Object.values(answers).filter((answer) => answer instanceof Error);
  if (failed.length === names.length && failed.every((failure) => !(failure instanceof Failure) || failure.isOutage)) throw failed[0];
  return answers;
}
