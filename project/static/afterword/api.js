// Calls of our own API from our own pages.

/** What the API answered when it refused: `detail` for the reader, `errors` by field. */
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail || `HTTP ${status}`);
    this.status = status;
    this.errors = problem.errors || [];
  }
}

/** Send JSON (by POST unless told otherwise) and return JSON; throws Refusal, or TypeError when nothing got through. */
export async function call(path, { method = "POST", body, headers = {}, ...options } = {}) {
  const sent = body === undefined ? { headers } : {
    method,
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  };
  const answer = await fetch(path, { credentials: "omit", ...sent, ...options });
  const data = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : {};
  if (answer.status === 401 && headers.Authorization) document.dispatchEvent(new Event("afterword:unauthorized"));
  if (!answer.ok) throw new Refusal(answer.status, data);
  return data;
}

/** Run `work` while the form's button says that it is busy; a second press does nothing meanwhile. */
export async function busy(form, work) {
  const button = form.querySelector("button");
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  try {
    await work();
  } finally {
    button.removeAttribute("aria-disabled");
  }
}
