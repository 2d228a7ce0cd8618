// The conversation: replying in place, posting without leaving the page, and what others do meanwhile.

import { Refusal, busy, call } from "./api.js";
import { origin } from "./arrival.js";
import { itemOf, place, render, showLocalTime } from "./comment.js";
import { proof } from "./follow.js";
import { keepAuthor, keepSession, keepToken, knownAuthor, knownSession, tokenHeader, voterHeader } from "./keepsake.js";
import { identity } from "./identity.js";
import { listing } from "./listing.js";
import { Live } from "./live.js";
import { News } from "./news.js";
import { hide, mayChange, offer, ownActions } from "./own.js";
import { equip, learn, votes } from "./votes.js";

const FIELDS = ["name", "email", "url"];

export function comments(section) {
  const form = section.querySelector("#reply") && new ReplyForm(section);
  const held = new Held(section);
  const anew = listing(section, async (takeOver) => {
    await live.pause(async () => {
      form?.step();
      await takeOver();
      dress(section);
      held.show();
      news.restart();
      form?.stepBack();
    });
  });
  const news = new News(section, { leave: (item) => form?.leave(item), stays: (id) => held.has(id), anew });
  const live = new Live(section, news);
  form?.serve(news, held);
  identity(section, () => equip(section, section));
  votes(section);
  ownActions(section, { news, held, leave: (item) => form?.leave(item) });
  dress(section);
  held.fetch();
  news.sinceLastVisit();
}

function dress(section) {
  section.querySelectorAll(".when time").forEach(showLocalTime);
  equip(section, section);
}

/** Her comments that wait for a moderator: the public page does not have them. */
class Held {
  comments = [];

  constructor(section) {
    this.section = section;
  }

  get said() {
    return this.section.querySelector("#comments-notice").dataset.held;
  }

  has(id) {
    return this.comments.some((comment) => comment.id === id);
  }

  keep(comment) {
    this.forget(comment.id);
    this.comments.push(comment);
  }

  forget(id) {
    this.comments = this.comments.filter((comment) => comment.id !== id);
  }

  /** Ask for what is hers, where she has anything to show for it: comments that wait, and votes. */
  async fetch() {
    const headers = { ...tokenHeader(), ...voterHeader() };
    if (!Object.keys(headers).length) return;
    try {
      const mine = await call(`/api/v1/thread/mine?article=${this.section.dataset.article}`, { headers });
      this.comments.push(...mine.pending);
      this.show();
      learn(mine.votes);
      mayChange(this.section, mine.editable);
      hide(mine.muted);
    } catch {
      // The public conversation is there; hers is shown at the next visit.
    }
  }

  show() {
    for (const comment of this.comments) {
      if (!itemOf(comment.id)) place(this.section, render(this.section, comment), comment);
    }
    offer(this.section);
  }
}

/** The one form of the page, which stands on top or below the comment that it answers. */
class ReplyForm {
  constructor(section) {
    this.section = section;
    this.form = section.querySelector("#reply");
    this.home = section.querySelector("#form-home");
    this.notice = section.querySelector("#comments-notice");
    this.cancel = this.form.querySelector(".cancel");
    this.opener = null;
  }

  serve(news, held) {
    const { form, section } = this;
    Object.assign(this, { news, held });
    const author = knownAuthor();
    for (const name of FIELDS) form.elements[name].value ||= author[name] ?? "";
    section.addEventListener("click", (event) => {
      const link = event.target.closest("a.reply");
      if (link) {
        event.preventDefault();
        this.answer(link);
        form.elements.body.focus();
      } else if (event.target === this.cancel && this.opener) {
        event.preventDefault();
        this.goHome();
        this.opener.focus();
        this.opener = null;
      }
    });
    form.elements.follow.addEventListener("change", async () => (await proof())?.prepare());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      busy(form, () => news.quietly(() => this.post()));
    });
  }

  answer(link) {
    const item = link.closest("li.comment");
    this.opener = link;
    item.querySelector(":scope > article").after(this.form);
    this.form.elements.parent.value = link.dataset.reply;
    const name = item.querySelector(".author").textContent;
    this.form.querySelector("#form-title").textContent = this.form.dataset.replyTitle.replace("NAME", () => name);
    this.cancel.hidden = false;
  }

  goHome() {
    const { form, home } = this;
    home.replaceChildren(form);
    form.elements.parent.value = "";
    form.querySelector("#form-title").textContent = form.dataset.title;
    this.cancel.hidden = true;
  }

  /** Step aside while the conversation is exchanged, and back to the comment that is being answered. */
  step() {
    this.answering = this.form.elements.parent.value;
    if (this.answering) this.goHome();
  }

  stepBack() {
    const link = this.answering && itemOf(this.answering)?.querySelector(":scope > article a.reply");
    if (link) this.answer(link);
  }

  /** A comment goes: what was being written below it must not go with it. */
  leave(item) {
    if (!item.contains(this.form)) return;
    const focused = this.form.contains(document.activeElement);
    this.goHome();
    this.opener = null;
    this.notice.textContent = this.notice.dataset.unanswered;
    if (focused) this.form.elements.body.focus();
  }

  async post() {
    const { form, section, notice } = this;
    const { elements } = form;
    const author = Object.fromEntries(FIELDS.map((name) => [name, elements[name].value]));
    const draft = { article: Number(section.dataset.article), body: elements.body.value, author, ...origin() };
    if (elements.parent.value) draft.parent = Number(elements.parent.value);
    notice.textContent = "";
    this.blame([]);
    if (elements.follow.checked) Object.assign(draft, { follow: "replies", altcha: await (await proof())?.take() });
    let posted;
    try {
      posted = await call("/api/v1/comments", { body: draft, headers: { ...tokenHeader(), ...voterHeader() } });
    } catch (error) {
      const refused = error instanceof Refusal;
      this.blame(refused ? error.errors : [], refused ? error.message : notice.dataset.offline);
      return;
    }
    keepToken(posted.edit_token);
    const { site } = section.dataset;
    const session = knownSession();
    if (!session) keepAuthor(author);
    else if (session.name !== posted.author.name) {
      keepSession(site, { ...session, name: posted.author.name });
      identity(section);
    }
    elements.body.value = "";
    elements.follow.checked = false;
    this.goHome();
    this.show(posted);
  }

  show(posted) {
    const { section, notice } = this;
    const waits = posted.status === "pending";
    notice.textContent = waits ? notice.dataset.held : notice.dataset.published;
    if (waits) this.held.keep(posted);
    else this.countUp(posted);
    const item = render(section, posted);
    place(section, item, posted);
    equip(section, item);
    if ("edits" in section.dataset) mayChange(section, [posted.id]);
    item.focus();
  }

  countUp({ provider, version }) {
    // Events that came before the answer have counted it already.
    if (version <= this.news.version) return;
    for (const key of ["all", provider]) {
      const count = this.section.querySelector(`[data-count="${key}"]`);
      if (count) count.textContent = Number(count.textContent) + 1;
    }
  }

  /** Put each refusal beside its field, and what concerns no field above them all. */
  blame(errors, message = "") {
    const { form } = this;
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
}
