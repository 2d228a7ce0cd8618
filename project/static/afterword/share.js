// Buttons that only a device can serve: copy the link, print the page, open the system's own share sheet.

import { call } from "./api.js";

const SERVED = {
  copy: () => Boolean(navigator.clipboard),
  print: () => Boolean(window.print),
  native: () => Boolean(navigator.share),
};

export function share(section) {
  const notice = section.querySelector(".notice");
  for (const button of section.querySelectorAll("button[data-share]")) {
    if (!SERVED[button.dataset.share]?.()) continue;
    button.closest("li").hidden = false;
    button.addEventListener("click", () => press(section, button, notice));
  }
}

async function press(section, button, notice) {
  const { share: network, url, title } = button.dataset;
  notice.textContent = "";
  try {
    if (network === "copy") await navigator.clipboard.writeText(url);
    else if (network === "native") await navigator.share({ url, title });
    else window.print();
  } catch (error) {
    // She closed the sheet: that is an answer, not a failure.
    if (error.name !== "AbortError") notice.textContent = notice.dataset.failed;
    return;
  }
  if (network === "copy") notice.textContent = notice.dataset.copied;
  // A share that is not counted is no reason to bother the reader.
  call("/api/v1/shares", { body: { article: Number(section.dataset.article), network } }).catch(() => {});
}
