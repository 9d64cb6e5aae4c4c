// route.js - where we are: "#/messages?status=error". No token ever stands in it.

/* {name, params} of the address. */
export function here() {
  const [name, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { name: name || "queue", params: Object.fromEntries(new URLSearchParams(query ?? "")) };
}

/* The address of a view; what is empty is left out. The tenant chosen goes along unless another is given. */
export function link(name, params = {}) {
  const { tenant } = here().params;
  const given = Object.entries({ tenant, ...params }).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const query = new URLSearchParams(given).toString();
  return `#/${name}${query ? `?${query}` : ""}`;
}

export function go(name, params) {
  location.hash = link(name, params);
}

/* Another question to the same view: no new entry in the history for each letter that is typed. */
export function change(params) {
  const now = here();
  history.replaceState(null, "", link(now.name, { ...now.params, ...params }));
}

/* The tenant that the page is about: of a tenant's token its own, else the one chosen; undefined: all. */
export const chosenTenant = () => here().params.tenant || undefined;
