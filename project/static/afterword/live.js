// The way that news take to the page: a stream while one can be had, else a question now and then; nothing unseen.

import { call } from "./api.js";

const KINDS = ["comment", "update", "remove", "counts", "reset"];
const NEAR = "800px";
const HIDDEN_MS = 20_000;
const POLL_MS = 20_000;
const STREAM_AGAIN_MS = 120_000;
const MOST_FAILURES = 3;

export class Live {
  #near = false;
  #paused = 0;
  #source = null;
  #asked = null;
  #timer = 0;
  #goodbye = 0;
  #failures = 0;
  #streamAt = 0;

  constructor(section, news) {
    Object.assign(this, { section, news });
    new IntersectionObserver((entries, observer) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      this.#near = true;
      this.#open();
    }, { rootMargin: NEAR }).observe(section);
    document.addEventListener("visibilitychange", () => this.#seen());
    addEventListener("pagehide", () => this.#close());
    addEventListener("pageshow", (event) => event.persisted && this.#open());
  }

  /** Hear nothing while `work` changes what is shown, and go on from the version that is shown then. */
  async pause(work) {
    this.#paused += 1;
    this.#close();
    try {
      return await work();
    } finally {
      this.#paused -= 1;
      this.#open();
    }
  }

  #seen() {
    clearTimeout(this.#goodbye);
    if (document.visibilityState === "visible") this.#open();
    else this.#goodbye = setTimeout(() => this.#close(), HIDDEN_MS);
  }

  #open() {
    const isIdle = !this.#source && !this.#asked && !this.#timer;
    if (!isIdle || !this.#near || this.#paused || this.news.isTooOld || document.visibilityState !== "visible") return;
    if (window.EventSource && Date.now() >= this.#streamAt) this.#listen();
    else this.#poll();
  }

  #close() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#asked?.abort();
    this.#asked = null;
    this.#source?.close();
    this.#source = null;
  }

  #listen() {
    const { article, version } = this.section.dataset;
    const source = new EventSource(`/api/v1/articles/${article}/stream?since=${version}`);
    let wasOpen = false;
    this.#source = source;
    this.#failures = 0;
    source.onopen = () => {
      wasOpen = true;
      this.#failures = 0;
    };
    source.onerror = () => {
      this.#failures += 1;
      // The browser tries again by itself, from the last event that it heard, unless the answer was a refusal.
      if (wasOpen && source.readyState !== EventSource.CLOSED && this.#failures < MOST_FAILURES) return;
      this.#close();
      this.#streamAt = Date.now() + STREAM_AGAIN_MS;
      this.#open();
    };
    for (const kind of KINDS) source.addEventListener(kind, (event) => this.#hear(kind, event));
  }

  #hear(kind, event) {
    this.news.take(kind, JSON.parse(event.data || "null"), Number(event.lastEventId) || 0);
    if (kind === "reset") this.#close();
  }

  async #poll() {
    const asked = (this.#asked = new AbortController());
    const { article, version } = this.section.dataset;
    const options = { cache: "no-cache", signal: asked.signal };
    try {
      // The browser asks with the ETag of its last answer, so that a thread at rest costs a 304.
      const changes = await call(`/api/v1/thread/changes?article=${article}&since=${version}`, options);
      if (changes.version > Number(version)) await this.#count(article, options);
      if (!asked.signal.aborted) this.news.takeAll(changes);
    } catch (error) {
      // Whatever else it is, the next question may be answered.
      if (error.status === 410) this.news.take("reset");
    }
    if (asked.signal.aborted) return;
    this.#asked = null;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#open();
    }, POLL_MS * (0.8 + 0.4 * Math.random()));
  }

  async #count(article, options) {
    const { article: { counts } } = await call(`/api/v1/thread?article=${article}&limit=1`, options);
    this.news.take("counts", counts);
  }
}
