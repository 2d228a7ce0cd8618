// The article page works without this; with it nobody has to leave the page.

import { arrive } from "./arrival.js";
import { comments } from "./comments.js";
import { follow } from "./follow.js";
import { share } from "./share.js";

arrive();
const parts = [["#comments", comments], [".share", share], [".follow-form", follow]];
for (const [selector, enhance] of parts) {
  const element = document.querySelector(selector);
  if (element) enhance(element);
}
