// What a reader does with one comment: change or take back her own, report another's.

import { Refusal, busy, call } from "./api.js";
import { itemOf, refresh, remove } from "./comment.js";
import { knownSession, tokenHeader, voterHeader } from "./keepsake.js";

const editable = new Set();

const idOf = (element) => Number(element.closest("li.comment").id.replace("comment-", ""));
const clone = (section, template) => section.querySelector(template).content.firstElementChild.cloneNode(true);

/** Take in which comments are hers to change, as `thread/mine` tells them or because she has just posted one. */
export function mayChange(section, ids) {
  for (const id of ids) editable.add(id);
  offer(section);
}

/** Hide what those wrote whom she does not want to read. */
export function hide(ids) {
  for (const id of ids) itemOf(id)?.classList.add("muted");
}

/** Give her own comments their buttons, wherever they have none yet. */
export function offer(section) {
  for (const id of editable) {
    const article = itemOf(id)?.querySelector(":scope > article:not(:has(.own))");
    if (!article?.querySelector(".author")) continue;
    (article.querySelector(".comment-foot") ?? article).append(clone(section, "#own-template"));
    article.querySelector("a.report")?.remove();
  }
}

/** `news` lets events wait, `held` keeps what only she sees, `leave(item)` is called before an element goes. */
export function ownActions(section, { news, held, leave }) {
  section.addEventListener("click", (event) => {
    const action = event.target.closest("button.edit, button.delete, a.report");
    const item = action?.closest("li.comment");
    if (!item || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (item.querySelector(":scope > form.of-comment")) return;
    if (action.matches(".delete")) isMeant(action) && takeBack(item);
    else if (action.matches(".edit")) edit(item, action);
    else report(item, action);
  });

  async function edit(item, opener) {
    const id = idOf(item);
    try {
      const source = await call(`/api/v1/comments/${id}/source`, { headers: tokenHeader() });
      const form = open(item, opener, "#edit-template", (fields) =>
        news.quietly(() => save(item, { body: fields.body.value, revision: source.revision })));
      form.elements.body.value = source.body;
      form.elements.body.focus();
    } catch (error) {
      say(error);
    }
  }

  async function save(item, body) {
    const edited = await call(`/api/v1/comments/${idOf(item)}`, { method: "PATCH", body, headers: tokenHeader() });
    if (edited.status === "pending") {
      held.keep(edited);
      section.querySelector("#comments-notice").textContent = held.said;
    }
    refresh(section, item, edited);
    offer(section);
  }

  /** A first press asks, a second one means it; whoever goes elsewhere between did not. */
  function isMeant(button) {
    const { sure } = section.querySelector("#own-template").dataset;
    if (button.textContent === sure) return true;
    const label = button.textContent;
    button.textContent = sure;
    button.addEventListener("blur", () => (button.textContent = label), { once: true });
    return false;
  }

  async function takeBack(item) {
    const id = idOf(item);
    try {
      await call(`/api/v1/comments/${id}`, { method: "DELETE", body: {}, headers: tokenHeader() });
    } catch (error) {
      say(error);
      return;
    }
    editable.delete(id);
    held.forget(id);
    if (item.querySelector(":scope > ol.replies > li")) {
      refresh(section, item, { id, status: "removed", pinned: false });
    } else {
      leave(item);
      remove(section, item);
    }
  }

  function report(item, opener) {
    const form = open(item, opener, "#report-template", async ({ reason, detail }) => {
      const body = { reason: reason.value, detail: detail.value };
      await call(`/api/v1/comments/${idOf(item)}/reports`, { body, headers: { ...tokenHeader(), ...voterHeader() } });
      section.querySelector("#comments-said").textContent = form.dataset.done;
      opener.replaceWith(form.dataset.done);
    });
    const mute = form.querySelector(".mute");
    mute.hidden = !knownSession();
    mute.addEventListener("click", () => busy(form, async () => {
      const headers = tokenHeader();
      try {
        await call("/api/v1/readers/me/mutes", { method: "PUT", body: { comment: idOf(item) }, headers });
        hide((await call(`/api/v1/thread/mine?article=${section.dataset.article}`, { headers })).muted);
        form.remove();
        item.focus();
      } catch (error) {
        say(error);
      }
    }));
    form.querySelector("input").focus();
  }

  /** Put a form below the comment; it goes when `work` is done or she thinks better of it. */
  function open(item, opener, template, work) {
    const form = clone(section, template);
    const close = () => {
      form.remove();
      item.classList.remove("edited-now");
      (opener.isConnected ? opener : item).focus();
    };
    form.classList.add("of-comment");
    form.querySelector(".cancel").addEventListener("click", (event) => {
      event.preventDefault();
      close();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      busy(form, async () => {
        const error = form.querySelector("[role=alert]");
        error.hidden = true;
        try {
          await work(form.elements);
          close();
        } catch (problem) {
          error.textContent = problem instanceof Refusal ? problem.message : offline();
          error.hidden = false;
        }
      });
    });
    item.querySelector(":scope > article").after(form);
    item.classList.toggle("edited-now", template === "#edit-template");
    return form;
  }

  const offline = () => section.querySelector("#own-template").dataset.offline;

  function say(error) {
    section.querySelector("#comments-notice").textContent = error instanceof Refusal ? error.message : offline();
  }
}
