// The one place where text becomes markup: what our server has rendered and sanitised, and nothing else.

const policy = window.trustedTypes?.createPolicy("afterword", { createHTML: (html) => html });

const trusted = (html) => (policy ? policy.createHTML(html) : html);

export function fill(element, html) {
  element.innerHTML = trusted(html);
}

/** Read a page of ours without showing it. */
export function parse(page) {
  return new DOMParser().parseFromString(trusted(page), "text/html");
}
