// What is a reader's own, site by site, for the sessions that this browser keeps.

import { Refusal, call } from "./api.js";
import { showLocalTime } from "./comment.js";
import { keepSession, knownSessions } from "./keepsake.js";
import { fill } from "./markup.js";

const root = document.querySelector("#own");

class Desk {
  constructor(site, token) {
    this.site = site;
    this.headers = { Authorization: `Bearer ${token}` };
    this.desk = root.querySelector("#desk").content.firstElementChild.cloneNode(true);
    this.said = this.part("[role=status]");
    this.part(".site").textContent = site;
    root.append(this.desk);
  }

  part(selector) {
    return this.desk.querySelector(selector);
  }

  call(path, options = {}) {
    return call(`/api/v1/readers/me${path}`, { ...options, headers: this.headers });
  }

  async open() {
    await this.doing(async () => {
      this.show(await this.call(""));
      await Promise.all([this.comments(), this.sessions(), this.mutes(), this.follows()]);
    });
    this.part("form").addEventListener("submit", (event) => {
      event.preventDefault();
      const { name, url } = event.target.elements;
      this.doing(async () => {
        this.show(await this.call("", { method: "PATCH", body: { name: name.value, url: url.value } }));
        this.said.textContent = this.said.dataset.kept;
        await this.comments();
      });
    });
    this.part(".claim").addEventListener("click", () => this.doing(async () => {
      const { claimed } = await this.call("/claims", { body: {} });
      this.said.textContent = this.said.dataset.claimed.replace("COUNT", claimed);
      await this.comments();
    }));
    this.part(".leave").addEventListener("click", () => this.doing(async () => {
      await this.call("/sessions", { method: "DELETE", body: {} });
      this.forget();
    }));
  }

  /** Do some work and say what was refused; a session that is over goes from here too. */
  async doing(work) {
    this.said.textContent = "";
    try {
      await work();
    } catch (error) {
      this.said.textContent = error instanceof Refusal ? error.message : this.said.dataset.offline;
      if (error.status === 401) this.forget();
    }
  }

  forget() {
    keepSession(this.site, null);
    this.desk.remove();
    root.querySelector("#nobody").hidden = Object.keys(knownSessions()).length > 0;
  }

  show({ name, url, email }) {
    const { elements } = this.part("form");
    elements.name.value = name;
    elements.url.value = url ?? "";
    this.part(".email").textContent = email ?? "";
    this.part(".claim").hidden = !email;
    const { token } = knownSessions()[this.site];
    keepSession(this.site, { token, name });
  }

  list(selector, rows, build) {
    const list = this.part(selector);
    list.replaceChildren(...rows.map((row) => {
      const item = document.createElement("li");
      item.append(...build(row));
      return item;
    }));
    list.previousElementSibling.hidden = list.hidden = !rows.length;
  }

  async comments() {
    const { comments } = await this.call("/comments");
    this.list(".comments-of-hers", comments, ({ html, article, permalink, created_at: created }) => {
      const link = document.createElement("a");
      Object.assign(link, { href: permalink, textContent: article.title || article.url, dir: "auto" });
      const text = document.createElement("div");
      text.className = "comment-text";
      fill(text, html);
      return [link, " ", when(created), text];
    });
  }

  async sessions() {
    const { sessions } = await this.call("/sessions");
    this.list(".sessions", sessions, ({ id, label, method, used_at: used, current }) => [
      `${label || method} `, when(used), " ",
      this.button(current ? this.said.dataset.here : this.said.dataset.end, current ? null : `/sessions/${id}`),
    ]);
  }

  async mutes() {
    const { mutes } = await this.call("/mutes");
    this.list(".mutes", mutes, ({ id, name }) => [name, " ", this.button(this.said.dataset.unmute, `/mutes/${id}`)]);
  }

  async follows() {
    const { follows } = await this.call("/follows");
    this.list(".follows", follows, ({ id, target, name, article, status }) => {
      const what = document.createElement(article ? "a" : "b");
      what.dir = "auto";
      what.textContent = article ? article.title || article.url : name ?? "";
      if (article) what.href = article.url;
      const waits = status === "unconfirmed" ? ` (${this.said.dataset.unconfirmed})` : "";
      return [`${this.said.dataset[target]} `, what, `${waits} `, this.button(this.said.dataset.end, `/follows/${id}`)];
    });
  }

  /** A button that takes something away; words alone where there is nothing to take. */
  button(label, path) {
    const element = document.createElement(path ? "button" : "span");
    Object.assign(element, { className: path ? "plain" : "quiet", textContent: label });
    if (path) element.addEventListener("click", () => this.doing(async () => {
      await this.call(path, { method: "DELETE", body: {} });
      await Promise.all([this.sessions(), this.mutes(), this.follows()]);
    }));
    return element;
  }
}

function when(moment) {
  const time = document.createElement("time");
  time.className = "when";
  time.dateTime = moment;
  showLocalTime(time);
  return time;
}

const sites = Object.entries(knownSessions());
root.querySelector("#nobody").hidden = sites.length > 0;
for (const [site, { token }] of sites) new Desk(site, token).open();
