// session.js - who is logged in. The token lives as long as the tab, in sessionStorage, and goes out in a header alone.

const KEY = "mailproxy.token";

export const session = {
  token: sessionStorage.getItem(KEY), // null: none, which a server without an admin token takes
  who: null, // what /whoami said
};

export function remember(token, who) {
  session.token = token;
  session.who = who;
  if (token) sessionStorage.setItem(KEY, token);
  else sessionStorage.removeItem(KEY);
}

export function forget() {
  remember(null, null);
}
