// live.js - the view that is shown asks again every few seconds, as long as somebody can see it; less often while nothing answers.
import { Failure } from "./api.js";

const EVERY_MS = 3000;
const SHARE = 10; // of the time at most a tenth is spent on answers: what is large is asked for less often
const LONGEST_MS = 30000;

let refresh = null; // of the view that is shown
let turn = 0; // raised when a view or its question changes: answers to the one before are late
let failures = 0;
let timer = 0;
let onState = () => {};

export function onConnection(callback) {
  onState = callback;
}

async function ask() {
  const mine = ++turn;
  clearTimeout(timer);
  if (!refresh || document.hidden) return;
  const began = performance.now();
  try {
    const draw = await refresh();
    const took = performance.now() - began;
    if (mine !== turn) return;
    draw();
    failures = 0;
    onState({ lost: false });
    timer = setTimeout(ask, Math.max(EVERY_MS, took * SHARE));
  } catch (error) {
    if (mine !== turn) return;
    if (!(error instanceof Failure)) console.error(error); // a mistake of this page
    failures++;
    onState({ lost: true, why: error.message, again: wait() / 1000 });
    timer = setTimeout(ask, wait());
  }
}

const wait = () => Math.min(EVERY_MS * 2 ** failures, LONGEST_MS);

/* Follow a view: `asked` gets its answers and resolves to what draws them. It is called at once. */
export function follow(asked) {
  refresh = asked;
  failures = 0;
  return ask();
}

export function leave() {
  refresh = null;
  turn++;
  clearTimeout(timer);
}

/* Now, because something was done, or another thing is to be seen. */
export const again = ask;

document.addEventListener("visibilitychange", ask);
addEventListener("online", ask);
