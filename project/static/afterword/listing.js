// Tabs, orders and pages of the conversation, changed in place: the same page is fetched and its parts are taken over.

import { parse } from "./markup.js";

const PARTS = [".tabs", "#orders", "#thread", "#rest"];
// What changes the view; a link to one comment stays a link.
const LINKS = ".tabs a, .sorts a, .whole a, .more a";

const withoutFragment = (address) => new URL(address, location.href).href.split("#")[0];

/**
 * Follow the links of the conversation in place. `around(work)` is run about every change.
 * Returns a function that reads what is shown now anew.
 */
export function listing(section, around) {
  let shown = withoutFragment(location.href);
  let asked = new AbortController();

  /** Show what an address asks for, and say whether that was done; the last wish is the one that counts. */
  async function show(address) {
    asked.abort();
    const { signal } = (asked = new AbortController());
    section.setAttribute("aria-busy", "true");
    try {
      await around(() => takeOver(section, address, signal));
      shown = withoutFragment(address);
      return true;
    } catch {
      // The browser knows best how to tell what is wrong; a fragment would keep it from asking.
      if (!signal.aborted) location.assign(withoutFragment(address));
      return false;
    } finally {
      if (!signal.aborted) section.removeAttribute("aria-busy");
    }
  }

  section.addEventListener("click", async (event) => {
    const link = event.target.closest(LINKS);
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const nav = link.closest("nav")?.className;
    if (!(await show(link.href))) return;
    history.pushState(null, "", link.href);
    land(section, nav, link.hash);
  });
  addEventListener("popstate", () => {
    if (withoutFragment(location.href) !== shown) show(location.href);
  });
  return () => show(shown);
}

async function takeOver(section, address, signal) {
  const answer = await fetch(address, { credentials: "omit", signal });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const fresh = parse(await answer.text()).querySelector("#comments");
  for (const part of PARTS) section.querySelector(part).replaceWith(fresh.querySelector(part));
  section.dataset.version = fresh.dataset.version;
}

/** Leave the focus where it was in tabs and orders; after a step to other comments put it on the first of them. */
function land(section, nav, hash) {
  if (nav) {
    section.querySelector(`nav.${nav} [aria-current]`)?.focus({ preventScroll: true });
    return;
  }
  const named = hash.startsWith("#comment-") && document.getElementById(hash.slice(1));
  (named || section.querySelector("#thread > .comment") || section.querySelector("#comments-title")).focus();
}
