// dom.js - elements, and how what is shown follows what is known. Texts stay texts: nothing here reads HTML.

const absent = (value) => value === null || value === undefined || value === false;

/* An element. `on...` become properties, so that show() can carry them over; true is an attribute without a value. */
export function h(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (absent(value)) continue;
    if (name.startsWith("on") || name === "checked") node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => !absent(child)));
  return node;
}

function isSame(old, wanted) {
  return old.nodeType === wanted.nodeType && old.nodeName === wanted.nodeName && old.dataset?.key === wanted.dataset?.key;
}

function carryOver(old, wanted) {
  for (const { name } of [...old.attributes])
    if (!wanted.hasAttribute(name) && name !== "style" && name !== "open") old.removeAttribute(name); // what was opened stays open
  for (const { name, value } of [...wanted.attributes])
    if (old.getAttribute(name) !== value && name !== "style") old.setAttribute(name, value);
  if (old.style.cssText !== wanted.style.cssText) old.style.cssText = wanted.style.cssText; // not the attribute: the policy forbids it
  for (const event of ["onclick", "onchange", "oninput", "onsubmit"]) old[event] = wanted[event];
  if (old.type === "checkbox") old.checked = wanted.checked;
}

/* The old node that a wanted one takes the place of: the next one of its kind and, where it has one, its key. */
function findOld(at, wanted) {
  for (let old = at; old; old = old.nextSibling) if (isSame(old, wanted)) return old;
  return null;
}

/*
 * Make the children of `place` these. Those that are there already are changed where they stand, so that focus, selection and what is
 * open stay. Rows that come and go have a data-key. Fields keep what was typed; what is marked data-kept looks after itself.
 */
export function show(place, ...nodes) {
  let at = place.firstChild;
  for (const given of nodes.flat(Infinity).filter((node) => !absent(node))) {
    const wanted = given instanceof Node ? given : document.createTextNode(String(given));
    const old = findOld(at, wanted);
    if (!old) {
      place.insertBefore(wanted, at);
      continue;
    }
    if (old !== at) place.insertBefore(old, at);
    else at = at.nextSibling;
    if (old === wanted || old.dataset?.kept !== undefined) continue;
    if (old.nodeType === Node.TEXT_NODE) {
      if (old.data !== wanted.data) old.data = wanted.data;
    } else {
      carryOver(old, wanted);
      show(old, ...wanted.childNodes);
    }
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

/*
 * A node that looks after itself (data-kept), for show(): itself the first time, afterwards what stands for it, for a node that is moved
 * loses the focus.
 */
export function keep(node) {
  return node.isConnected ? node.cloneNode(false) : node;
}

/* Say something to whoever listens rather than looks. */
export function tell(text) {
  document.getElementById("told").textContent = text;
}
