// The conversation: replying in place, posting without leaving the page, and seeing one's own comment while it waits.

import { Refusal, busy, call } from "./api.js";
import { keepAuthor, keepToken, knownAuthor, tokenHeader } from "./keepsake.js";

const FIELDS = ["name", "email", "url"];
const policy = window.trustedTypes?.createPolicy("afterword", { createHTML: (html) => html });

export function comments(section) {
  section.querySelectorAll(".when time").forEach(showLocalTime);
  showWaiting(section);
  const form = section.querySelector("#reply");
  if (!form) return; // comments are closed
  const home = section.querySelector("#form-home");
  const notice = section.querySelector("#comments-notice");
  const cancel = form.querySelector(".cancel");
  let opener = null;

  signAs(form, knownAuthor());
  section.addEventListener("click", (event) => {
    const link = event.target.closest("a.reply");
    if (link) {
      event.preventDefault();
      opener = link;
      answer(form, link);
    } else if (event.target === cancel && opener) {
      event.preventDefault();
      goHome(form, home);
      opener.focus();
      opener = null;
    }
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(form, () => post(section, form, notice, () => goHome(form, home)));
  });
}

function answer(form, link) {
  const item = link.closest("li.comment");
  item.querySelector("article").after(form);
  form.elements.parent.value = link.dataset.reply;
  const name = item.querySelector(".author").textContent;
  form.querySelector("#form-title").textContent = form.dataset.replyTitle.replace("NAME", name);
  form.querySelector(".cancel").hidden = false;
  form.elements.body.focus();
}

function goHome(form, home) {
  home.replaceChildren(form);
  form.elements.parent.value = "";
  form.querySelector("#form-title").textContent = form.dataset.title;
  form.querySelector(".cancel").hidden = true;
}

async function post(section, form, notice, goHomeAgain) {
  const author = Object.fromEntries(FIELDS.map((name) => [name, form.elements[name].value]));
  const draft = { article: Number(section.dataset.article), body: form.elements.body.value, author };
  if (form.elements.parent.value) draft.parent = Number(form.elements.parent.value);
  if (form.elements.follow.checked) draft.follow = "replies";
  notice.textContent = "";
  blame(form, []);
  let posted;
  try {
    posted = await call("/api/v1/comments", { body: draft, headers: tokenHeader() });
  } catch (error) {
    const refused = error instanceof Refusal;
    blame(form, refused ? error.errors : [], refused ? error.message : notice.dataset.offline);
    return;
  }
  keepToken(posted.edit_token);
  keepAuthor(author);
  form.elements.body.value = "";
  form.elements.follow.checked = false;
  goHomeAgain();
  const waits = posted.status === "pending";
  notice.textContent = waits ? notice.dataset.held : notice.dataset.published;
  if (!waits) countUp(section, posted.provider);
  place(section, posted).focus();
}

/** Put each refusal beside its field, and what concerns no field above them all. */
function blame(form, errors, message = "") {
  const above = form.querySelector("#form-error");
  const named = new Map(errors.map((error) => [error.field.replace("author.", ""), error.message]));
  let first = null;
  for (const name of ["body", ...FIELDS]) {
    const field = form.elements[name];
    form.querySelector(`#${name}-error`).textContent = named.get(name) ?? "";
    if (!named.has(name)) {
      field.removeAttribute("aria-invalid");
      continue;
    }
    field.setAttribute("aria-invalid", "true");
    first ??= field;
  }
  above.textContent = message;
  above.hidden = !message;
  first?.focus();
}

function signAs(form, author) {
  for (const name of FIELDS) form.elements[name].value ||= author[name] ?? "";
}

function countUp(section, provider) {
  for (const key of ["all", provider]) {
    const count = section.querySelector(`[data-count="${key}"]`);
    if (count) count.textContent = Number(count.textContent) + 1;
  }
  section.querySelector("#empty")?.remove();
}

/** Show a comment of her own where it belongs: below its parent, or on top of the thread. Returns its element. */
function place(section, comment) {
  const item = render(section, comment);
  const parent = comment.parent && document.getElementById(`comment-${comment.parent}`);
  if (!parent) {
    section.querySelector("#thread").prepend(item);
    return item;
  }
  let replies = parent.querySelector(":scope > ol.replies");
  if (!replies) {
    replies = document.createElement("ol");
    replies.className = "replies";
    parent.append(replies);
  }
  replies.append(item);
  return item;
}

/** Show a time in the reader's own zone; the server, which does not know it, writes UTC. */
function showLocalTime(time) {
  const moment = new Date(time.dateTime);
  const { lang } = document.documentElement;
  const own = navigator.languages.find((language) => language.startsWith(lang)) ?? lang;
  if (!isNaN(moment)) time.textContent = moment.toLocaleString(own, { dateStyle: "long", timeStyle: "short" });
}

function render(section, comment) {
  const item = section.querySelector("#comment-template").content.firstElementChild.cloneNode(true);
  const { name } = comment.author;
  item.id = `comment-${comment.id}`;
  item.querySelector("ol.replies")?.remove();
  for (const labelled of item.querySelectorAll("[aria-label]")) {
    labelled.setAttribute("aria-label", labelled.getAttribute("aria-label").replace("NAME", name));
  }
  item.querySelector(".author").textContent = name;
  const when = item.querySelector("time");
  when.dateTime = comment.created_at;
  showLocalTime(when);
  item.querySelector(".when").href = `#${item.id}`;
  // The server has sanitised it; nothing else ever becomes markup here.
  item.querySelector(".comment-text").innerHTML = policy ? policy.createHTML(comment.html) : comment.html;
  const reply = item.querySelector("a.reply");
  if (comment.status === "pending") {
    const badge = document.createElement("span");
    badge.className = "badge waiting";
    badge.textContent = section.querySelector("#comments-notice").dataset.waiting;
    item.querySelector(".comment-head").append(" ", badge);
    reply.closest(".comment-foot").remove();
  } else {
    reply.dataset.reply = comment.id;
    reply.href = `?reply=${comment.id}#reply`;
  }
  return item;
}

function asTheServerWrites(moment) {
  const day = moment.toLocaleDateString("en-GB", { timeZone: "UTC", day: "numeric", month: "long", year: "numeric" });
  const time = moment.toLocaleTimeString("en-GB", { timeZone: "UTC", hour: "2-digit", minute: "2-digit" });
  return `${day}, ${time}`;
}

async function showWaiting(section) {
  const headers = tokenHeader();
  if (!Object.keys(headers).length) return;
  try {
    const mine = await call(`/api/v1/thread/mine?article=${section.dataset.article}`, { headers });
    for (const comment of mine.pending) {
      if (!document.getElementById(`comment-${comment.id}`)) place(section, comment);
    }
  } catch {
    // The public conversation is there; hers is shown at the next visit.
  }
}
