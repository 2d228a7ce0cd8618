// The page behind a mailed link: the code becomes a session of this browser.

import { Refusal, call } from "./api.js";
import { keepSession } from "./keepsake.js";

const page = document.querySelector("#sign-in");
const said = page.querySelector("[role=status]");
const { site, code, done } = page.dataset;
try {
  const { session, reader } = await call("/api/v1/sign-in/code", { body: { site, code } });
  keepSession(site, { token: session, name: reader.name });
  page.querySelector(".code").remove();
  said.textContent = done;
} catch (error) {
  said.textContent = error instanceof Refusal ? error.message : "";
}
