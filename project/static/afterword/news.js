// What happens in the conversation while the page is open, put where it belongs without moving what is being read.

import { call } from "./api.js";
import { itemOf, markUnread, place, refresh, remove, render } from "./comment.js";
import { keepVisit, lastVisit, ownComments } from "./keepsake.js";
import { equip, recount } from "./votes.js";

/** New comments wait for the reader's word in `waiting`; everything else is done at once. */
export class News {
  waiting = new Map();
  unread = new Set();
  #held = 0;
  #backlog = [];

  /**
   * `leave(item)` is called before an element goes, `anew()` reads the conversation again; what `stays(id)` is hidden
   * from all others only.
   */
  constructor(section, { leave, stays, anew }) {
    Object.assign(this, { section, leave, stays, anew });
    this.bar = section.querySelector("#news");
    this.bar.addEventListener("click", (event) => {
      if (!event.target.closest("button")) return;
      if (this.isTooOld) anew();
      else this.#insert();
    });
  }

  get version() {
    return Number(this.section.dataset.version);
  }

  /** Take one event: its kind, what it carries, and the version that is complete with it (0: not yet). */
  take(kind, data, version = 0) {
    if (this.#held) {
      this.#backlog.push([kind, data, version]);
      return;
    }
    if (kind === "comment" || kind === "update") this.#comment(data, kind === "comment");
    else if (kind === "remove") this.#remove(data.id);
    else if (kind === "counts") this.#count(data);
    else if (kind === "reset") this.#tooOld();
    if (version > this.version) this.section.dataset.version = version;
    this.#remember();
  }

  /** Take what `thread/changes` answers. */
  takeAll({ added, changed, removed, version }) {
    for (const comment of added) this.take("comment", comment);
    for (const comment of changed) this.take("update", comment);
    for (const id of removed) this.take("remove", { id });
    this.take("version", null, version);
  }

  /** Let events wait while `work` runs: a comment of her own must not come as another's before its answer. */
  async quietly(work) {
    this.#held += 1;
    try {
      return await work();
    } finally {
      this.#held -= 1;
      if (!this.#held) for (const event of this.#backlog.splice(0)) this.take(...event);
    }
  }

  /** Begin again on a page that was just read. */
  restart() {
    this.waiting.clear();
    this.isTooOld = false;
    this.#offer();
    this.#remember();
    this.#markUnread();
  }

  /** Mark what was added since she last was here. */
  async sinceLastVisit() {
    const { article } = this.section.dataset;
    const last = lastVisit(article);
    this.#remember();
    if (last === undefined || last >= this.version) return;
    try {
      const { added } = await call(`/api/v1/thread/changes?article=${article}&since=${last}`);
      const own = ownComments();
      for (const { id } of added) if (!own.has(id)) this.unread.add(id);
      this.#markUnread();
    } catch {
      // Too much happened since, or nothing gets through: no mark is better than a wrong one.
    }
  }

  #comment(comment, isNew) {
    const item = itemOf(comment.id);
    if (item) {
      if (comment.status === "removed" && this.stays(comment.id)) return;
      if (refresh(this.section, item, comment)) equip(this.section, item.querySelector(":scope > article"));
      else recount(comment.id, comment);
    } else if (this.waiting.has(comment.id) || (isNew && this.#isWanted(comment))) {
      this.waiting.set(comment.id, comment);
      this.#offer();
    }
  }

  #isWanted(comment) {
    if (comment.status !== "approved") return false;
    if (comment.parent) return Boolean(itemOf(comment.parent)) || this.waiting.has(comment.parent);
    const { section } = this;
    const tab = section.querySelector(".tabs [aria-current]")?.dataset.tab ?? "all";
    const isFirstPage = !section.querySelector(".whole") && !new URLSearchParams(location.search).has("cursor");
    return isFirstPage && (tab === "all" || tab === comment.provider) && !(this.#endsLast && this.#hasMore);
  }

  get #endsLast() {
    return this.section.querySelector(".sorts [aria-current]")?.dataset.sort === "oldest";
  }

  get #hasMore() {
    return Boolean(this.section.querySelector("#rest .more"));
  }

  #remove(id) {
    const item = itemOf(id);
    if (item && !this.stays(id)) {
      this.leave(item);
      remove(this.section, item);
    }
    if (this.waiting.delete(id)) this.#offer();
  }

  #count(counts) {
    for (const count of this.section.querySelectorAll("[data-count]")) {
      const number = counts[count.dataset.count === "all" ? "total" : count.dataset.count];
      if (number !== undefined) count.textContent = number;
    }
  }

  #tooOld() {
    this.isTooOld = true;
    this.#offer();
  }

  /** Show how many comments wait, or nothing. The button stands above the thread and takes no room. */
  #offer() {
    const number = this.waiting.size;
    const { one, other, again } = this.bar.dataset;
    let button = this.bar.firstElementChild;
    if (!number && !this.isTooOld) {
      if (button?.contains(document.activeElement)) this.section.querySelector("#comments-title").focus();
      button?.remove();
      return;
    }
    if (!button) {
      button = document.createElement("button");
      Object.assign(button, { type: "button", className: "button strong" });
      this.bar.append(button);
    }
    const isOne = new Intl.PluralRules(document.documentElement.lang).select(number) === "one";
    button.textContent = this.isTooOld ? again : (isOne ? one : other).replace("COUNT", number);
  }

  #insert() {
    const { section } = this;
    let first = null;
    for (const comment of this.waiting.values()) {
      if (comment.parent && !itemOf(comment.parent)) continue; // it went meanwhile
      const item = render(section, comment);
      place(section, item, comment, this.#endsLast);
      equip(section, item);
      this.unread.add(comment.id);
      if (!first || item.compareDocumentPosition(first) & Node.DOCUMENT_POSITION_FOLLOWING) first = item;
    }
    this.#markUnread();
    this.waiting.clear();
    first?.focus();
    this.#offer();
    this.#remember();
  }

  #markUnread() {
    for (const id of this.unread) {
      const item = itemOf(id);
      if (item) markUnread(this.section, item);
    }
  }

  /** What waits for her word she has not read: it is new at her next visit too. */
  #remember() {
    if (!this.waiting.size && !this.isTooOld) keepVisit(this.section.dataset.article, this.version);
  }
}
