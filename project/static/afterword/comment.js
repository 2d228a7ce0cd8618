// One comment as an element of the page: made, brought up to date, put where it belongs.

import { fill } from "./markup.js";

const articleOf = (item) => item.querySelector(":scope > article");

export const itemOf = (id) => document.getElementById(`comment-${id}`);

/** Return the element of a comment as the API gives it; it is the server's own markup, filled in. */
export function render(section, comment) {
  const removed = comment.status === "removed";
  const { content, dataset } = section.querySelector(removed ? "#tombstone-template" : "#comment-template");
  const item = content.firstElementChild.cloneNode(true);
  item.id = `comment-${comment.id}`;
  if (removed) return item;
  item.classList.toggle("pinned", comment.pinned);
  for (const labelled of item.querySelectorAll("[aria-label]")) {
    labelled.setAttribute("aria-label", labelled.getAttribute("aria-label").replace("NAME", () => comment.author.name));
  }
  sign(item, comment);
  badge(item, comment, dataset);
  fill(item.querySelector(".comment-text"), comment.html);
  const foot = item.querySelector(".comment-foot");
  if (comment.status === "pending") {
    foot.remove();
    return item;
  }
  Object.assign(foot.querySelector(".votes").dataset, { up: comment.up, down: comment.down });
  foot.querySelector("a.report").href = `/a/${section.dataset.article}/comments/${comment.id}/report`;
  const reply = foot.querySelector("a.reply");
  if (reply) {
    reply.dataset.reply = comment.id;
    reply.href = `?reply=${comment.id}#reply`;
  }
  return item;
}

function sign(item, { author, created_at: created }) {
  let name = item.querySelector(".author");
  if (/^https?:\/\//i.test(author.url ?? "")) {
    const link = document.createElement("a");
    Object.assign(link, { className: name.className, dir: name.dir, href: author.url, rel: "nofollow ugc noopener" });
    name.replaceWith(link);
    name = link;
  }
  name.textContent = author.name;
  item.querySelector(".when").href = `#${item.id}`;
  const when = item.querySelector("time");
  when.dateTime = created;
  showLocalTime(when);
}

function badge(item, comment, texts) {
  if (comment.author.role) addMark(item, "badge", texts[comment.author.role]);
  if (comment.edited_at) addMark(item, "quiet", texts.edited);
  if (comment.provider !== "native") addMark(item, "badge", texts[comment.provider]);
  if (comment.status === "pending") addMark(item, "badge waiting", texts.waiting);
  if (comment.pinned) addMark(item, "badge", texts.pinned);
}

function addMark(item, className, text) {
  const mark = document.createElement("span");
  mark.className = className;
  mark.textContent = text;
  item.querySelector(".comment-head").append(" ", mark);
}

/** Say, to eye and ear, that she has not seen this comment before. */
export function markUnread(section, item) {
  if (item.classList.contains("tombstone")) return;
  item.classList.add("unread");
  if (!articleOf(item).querySelector(".badge.new")) {
    addMark(item, "badge new", section.querySelector("#comment-template").dataset.unread);
  }
}

/** Show a time in the reader's own zone; the server, which does not know it, writes UTC. */
export function showLocalTime(time) {
  const moment = new Date(time.dateTime);
  const { lang } = document.documentElement;
  const own = navigator.languages.find((language) => language.startsWith(lang)) ?? lang;
  if (!isNaN(moment)) time.textContent = moment.toLocaleString(own, { dateStyle: "long", timeStyle: "short" });
}

/** Bring a comment on the page up to date: only what differs is replaced. Says whether it was replaced as a whole. */
export function refresh(section, item, comment) {
  const old = articleOf(item);
  const now = articleOf(render(section, comment));
  const isWhole = Boolean(old.querySelector(".comment-foot")) !== Boolean(now.querySelector(".comment-foot"));
  if (isWhole) {
    swap(item, old, now);
  } else if (comment.status !== "removed") {
    for (const part of [".comment-head", ".comment-text"]) {
      const [before, after] = [old.querySelector(part), now.querySelector(part)];
      if (!before.isEqualNode(after)) swap(item, before, after);
    }
    old.setAttribute("aria-label", now.getAttribute("aria-label"));
  }
  item.classList.toggle("tombstone", comment.status === "removed");
  item.classList.toggle("pinned", comment.pinned);
  if (item.classList.contains("unread")) markUnread(section, item);
  return isWhole;
}

function swap(item, old, now) {
  const focused = old.contains(document.activeElement);
  old.replaceWith(now);
  if (focused) item.focus({ preventScroll: true });
}

/** Put an element where its comment belongs: last below its parent; a root on top of the thread, or at its end. */
export function place(section, item, comment, end = false) {
  const parent = comment.parent && itemOf(comment.parent);
  if (parent) {
    repliesOf(parent).append(item);
    return;
  }
  const thread = section.querySelector("#thread");
  if (end) thread.append(item);
  else thread.insertBefore(item, thread.querySelector(":scope > .comment:not(.pinned)"));
  section.querySelector("#empty").hidden = true;
}

function repliesOf(parent) {
  let replies = parent.querySelector(":scope > ol.replies");
  if (!replies) {
    replies = document.createElement("ol");
    replies.className = "replies";
    parent.append(replies);
  }
  return replies;
}

/** Take a comment from the page with whatever hangs below it; who was there is led to what stood above it. */
export function remove(section, item) {
  const list = item.parentElement;
  if (!list) return; // the stream told of it before the answer came
  const above = list.closest("li.comment") ?? section.querySelector("#comments-title");
  const focused = item.contains(document.activeElement);
  item.remove();
  if (focused) above.focus({ preventScroll: true });
  if (!list.children.length && list.id !== "thread") list.remove();
  else if (!list.children.length) section.querySelector("#empty").hidden = false;
}
