// What this browser remembers for its reader: the tokens of her comments, and how she signed. It never leaves but to us.

const TOKENS = "afterword.tokens";
const AUTHOR = "afterword.author";
const MOST_TOKENS = 50;

function read(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? otherwise;
  } catch {
    return otherwise; // storage may be closed to us, or hold another's text
  }
}

function write(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // A full or closed storage costs the convenience only.
  }
}

/** Return the header that shows which comments are hers, the newest first. */
export function tokenHeader() {
  const tokens = read(TOKENS, []);
  return tokens.length ? { "X-Afterword-Edit-Tokens": tokens.join(",") } : {};
}

export function keepToken(token) {
  write(TOKENS, [token, ...read(TOKENS, [])].slice(0, MOST_TOKENS));
}

export function knownAuthor() {
  return read(AUTHOR, {});
}

export function keepAuthor(author) {
  write(AUTHOR, author);
}
