// Voting: each vote is shown at once, sent in the order of the presses, and taken back when it is refused.

import { Refusal, call } from "./api.js";
import { itemOf } from "./comment.js";
import { keepVoter, knownSession, ownComments, tokenHeader, voterHeader } from "./keepsake.js";
import { offer } from "./own.js";

// By comment: the server's numbers, her vote in them (`value`), and the one that she wants while it is on its way.
const ballots = new Map();
let asking = null;

export function votes(section) {
  section.addEventListener("click", (event) => {
    const button = event.target.closest("button.vote");
    if (button) press(section, Number(button.closest("li.comment").id.replace("comment-", "")), Number(button.value));
  });
}

/** Give the comments in `scope` their buttons, if she may vote here; her own keep their score. */
export function equip(section, scope) {
  const own = ownComments();
  const mayVote = "votes" in section.dataset || Boolean(knownSession());
  for (const box of scope.querySelectorAll(".votes")) {
    const item = box.closest("li.comment");
    const id = Number(item.id.replace("comment-", ""));
    const { up, down } = box.dataset;
    ballots.set(id, { value: 0, wanted: null, ...ballots.get(id), up: Number(up), down: Number(down) });
    const ballot = box.querySelector(".ballot");
    if (!mayVote) ballot?.remove();
    else if (!ballot && !own.has(id)) box.append(buttonsFor(section, item.querySelector(".author").textContent));
    show(id);
  }
  offer(section);
}

function buttonsFor(section, name) {
  const ballot = section.querySelector("#votes-template").content.firstElementChild.cloneNode(true);
  for (const labelled of [ballot, ...ballot.querySelectorAll("[aria-label]")]) {
    labelled.setAttribute("aria-label", labelled.getAttribute("aria-label").replace("NAME", () => name));
    labelled.dataset.label = labelled.getAttribute("aria-label");
  }
  return ballot;
}

/** Take in her own votes, as `thread/mine` tells them. */
export function learn(found) {
  for (const [id, value] of Object.entries(found)) {
    ballots.set(Number(id), { up: 0, down: 0, wanted: null, ...ballots.get(Number(id)), value });
    show(Number(id));
  }
}

/** Take in the numbers of a comment as the server last told them. */
export function recount(id, { up, down }) {
  const ballot = ballots.get(id);
  if (ballot) Object.assign(ballot, { up, down });
  show(id);
}

function show(id) {
  const box = itemOf(id)?.querySelector(":scope > article .votes");
  if (!box) return;
  const { value, wanted, ...told } = ballots.get(id);
  const now = wanted ?? value;
  const numbers = {
    1: told.up - (value === 1) + (now === 1),
    [-1]: told.down - (value === -1) + (now === -1),
  };
  const buttons = box.querySelectorAll("button");
  for (const button of buttons) {
    const number = numbers[button.value];
    button.querySelector(".tally").textContent = number;
    button.setAttribute("aria-pressed", String(now === Number(button.value)));
    button.setAttribute("aria-label", button.dataset.label.replace("COUNT", number));
  }
  const score = box.querySelector(".score");
  score.querySelector("span").textContent = numbers[1] - numbers[-1];
  score.hidden = buttons.length > 0 || !(numbers[1] || numbers[-1]);
}

async function press(section, id, pressed) {
  const ballot = ballots.get(id);
  const isSending = ballot.wanted !== null;
  ballot.wanted = (ballot.wanted ?? ballot.value) === pressed ? 0 : pressed;
  complain(id, "");
  show(id);
  if (isSending) return; // whoever sends looks again when the answer is there
  const { dataset } = section.querySelector("#votes-template");
  try {
    while (ballot.wanted !== null) {
      const { wanted } = ballot;
      const { up, down, value } = await send(id, wanted);
      Object.assign(ballot, { up, down, value });
      if (ballot.wanted === wanted || ballot.wanted === value) ballot.wanted = null;
    }
    const said = dataset.counted.replace("UP", ballot.up).replace("DOWN", ballot.down);
    section.querySelector("#comments-said").textContent = said;
  } catch (error) {
    ballot.wanted = null;
    complain(id, error instanceof Refusal ? error.message : dataset.offline);
  }
  show(id);
}

async function send(id, value) {
  const vote = async () => {
    const headers = { ...tokenHeader(), ...(await voter()) };
    return call(`/api/v1/comments/${id}/vote`, { method: "PUT", body: { value }, headers });
  };
  try {
    return await vote();
  } catch (error) {
    if (error.status !== 401) throw error;
    keepVoter(null); // a token of another service or another key: she gets a new one
    return vote();
  }
}

async function voter() {
  if (!voterHeader()["X-Afterword-Voter"] && !knownSession()) {
    asking ??= call("/api/v1/voter", { body: {} }).finally(() => (asking = null));
    keepVoter((await asking).voter);
  }
  return voterHeader();
}

function complain(id, message) {
  const foot = itemOf(id)?.querySelector(":scope > article .comment-foot");
  let error = foot?.querySelector(".error");
  if (!foot || (!message && !error)) return;
  if (!error) {
    error = document.createElement("span");
    error.className = "error";
    error.setAttribute("role", "alert");
    foot.append(error);
  }
  error.textContent = message;
}
