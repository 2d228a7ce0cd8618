// Follow by Email without leaving the page.

import { Refusal, busy, call } from "./api.js";
import { origin } from "./arrival.js";

/** The proof of work: only whoever wants to be written to needs it. */
export const proof = () => import("./proof.js").catch(() => null);

export function follow(form) {
  const notice = form.querySelector(".notice");
  const error = form.querySelector("#follow-error");
  form.elements.email.addEventListener("input", async () => (await proof())?.prepare());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(form, () => ask(form, notice, error));
  });
}

async function ask(form, notice, error) {
  const { email, target, frequency, homepage } = form.elements;
  const { timeZone: timezone } = Intl.DateTimeFormat().resolvedOptions();
  const often = { frequency: frequency.value, ...(timezone && { timezone }) };
  // A field that people do not see: what it holds was typed by a machine.
  const trap = homepage.value && { homepage: homepage.value };
  const wish = target.value === "site" ? { site: form.dataset.site } : { article: Number(form.dataset.article) };
  notice.textContent = "";
  say(email, error, "");
  const altcha = await (await proof())?.take();
  try {
    const wished = { email: email.value, ...often, ...wish, ...trap, ...(altcha && { altcha }), ...origin() };
    await call("/api/v1/follows", { body: wished });
    notice.textContent = notice.dataset.done;
  } catch (refusal) {
    say(email, error, refusal instanceof Refusal ? refusal.message : notice.dataset.offline);
  }
}

function say(field, error, message) {
  error.textContent = message;
  error.hidden = !message;
  if (!message) {
    field.removeAttribute("aria-invalid");
    return;
  }
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", error.id);
  field.focus();
}
