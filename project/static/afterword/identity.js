// Who writes in the form: a guest who says so, or a reader who has signed in.

import { Refusal, call } from "./api.js";
import { keepSession, knownSession } from "./keepsake.js";

const equipped = new WeakSet();

/** Show in the comment form as whom she writes, and let her sign in or out; the first call says whom to tell of that. */
export function identity(section, changed) {
  const form = section.querySelector("#reply");
  const box = form?.querySelector("#identity");
  if (!box) return;
  const session = knownSession();
  box.hidden = false;
  box.querySelector(".guest").hidden = Boolean(session);
  box.querySelector(".reader").hidden = !session;
  box.querySelector("bdi").textContent = session?.name ?? "";
  for (const name of ["name", "email", "url"]) {
    const field = form.elements[name];
    // The first comment in a session says what she is called.
    field.disabled = Boolean(session && (session.name || name === "email"));
    field.closest(".field").hidden = field.disabled;
  }
  if (equipped.has(box)) return;
  equipped.add(box);
  const look = () => {
    identity(section);
    changed();
  };
  box.querySelector(".ask").addEventListener("click", () => ask(section, form, box));
  box.querySelector(".leave").addEventListener("click", () => leave(section, look));
  // She may have followed the link in another window, or ended her session there.
  window.addEventListener("storage", look);
  document.addEventListener("afterword:unauthorized", () => {
    keepSession(section.dataset.site, null);
    look();
  });
}

async function ask(section, form, box) {
  const said = box.querySelector("[role=status]");
  const { email } = form.elements;
  if (!email.value || !email.reportValidity()) {
    said.textContent = said.dataset.email;
    email.focus();
    return;
  }
  const { site, article } = section.dataset;
  try {
    const answer = await call("/api/v1/sign-in", { body: { site, email: email.value, article: Number(article) } });
    said.textContent = answer.message;
  } catch (error) {
    said.textContent = error instanceof Refusal ? error.message : said.dataset.offline;
  }
}

async function leave(section, look) {
  const { token } = knownSession();
  keepSession(section.dataset.site, null);
  look();
  const headers = { Authorization: `Bearer ${token}` };
  try {
    const { sessions } = await call("/api/v1/readers/me/sessions", { headers });
    const { id } = sessions.find((session) => session.current);
    await call(`/api/v1/readers/me/sessions/${id}`, { method: "DELETE", body: {}, headers });
  } catch {
    // It is forgotten here, and ends by itself.
  }
}
