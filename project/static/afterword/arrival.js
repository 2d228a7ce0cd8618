// Who came through a shared address: told to us once, and taken out of the address bar, so that it is not shared on.
// It is remembered for this tab alone, so that what she says and follows is credited to where she came from.

import { call } from "./api.js";

const PARAMETER = "aw_ref";
const KEY = "afterword.ref";

// Where the tab's storage is closed it lasts as long as the page.
let passing = null;

export function arrive() {
  const address = new URL(location.href);
  const ref = address.searchParams.get(PARAMETER);
  if (ref === null) return;
  const kept = address.search.slice(1).split("&").filter((part) => part.split("=")[0] !== PARAMETER);
  address.search = kept.join("&");
  history.replaceState(history.state, "", address);
  passing = ref;
  try {
    sessionStorage.setItem(KEY, ref);
  } catch {
    // Closed to us: then only this page knows.
  }
  // One that is not counted is no reason to bother the reader.
  call("/api/v1/visits", { body: { ref } }).catch(() => {});
}

/** Return what a comment or a follow says of where its reader came from: `{ref}`, or nothing. */
export function origin() {
  let ref = passing;
  try {
    ref ??= sessionStorage.getItem(KEY);
  } catch {
    // As above.
  }
  return ref ? { ref } : {};
}
