// The article page works without this; with it nobody has to leave the page.

import { comments } from "./comments.js";
import { follow } from "./follow.js";
import { share } from "./share.js";

const parts = [["#comments", comments], [".share", share], [".follow-form", follow]];
for (const [selector, enhance] of parts) {
  const element = document.querySelector(selector);
  if (element) enhance(element);
}
