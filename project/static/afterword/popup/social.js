// The window in which a reader has signed in at a provider: what came of it becomes a session of this browser, or is
// told to the page that opened the window, and to no other origin.

import { Refusal, call } from "../api.js";
import { keepSession } from "../keepsake.js";

const page = document.querySelector("#popup");
const { site, origin, code, error, own, done } = page.dataset;

async function signIn() {
  const said = page.querySelector("[role=status]");
  try {
    const { session, reader } = await call("/api/v1/sign-in/code", { body: { site, code } });
    keepSession(site, { token: session, name: reader.name });
    page.querySelector(".code").remove();
    said.textContent = done;
    window.close();
  } catch (failure) {
    said.textContent = failure instanceof Refusal ? failure.message : "";
  }
}

// Our own page hears of the session by itself, from the storage that both share.
if (code && own !== undefined) {
  await signIn();
} else if (window.opener) {
  window.opener.postMessage({ source: "afterword", site, ...(code ? { code } : { error }) }, origin);
  if (code) window.close();
}
