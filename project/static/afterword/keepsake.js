// What this browser remembers for its reader: the tokens of her comments and votes, how she signed, and what she has
// read. It never leaves but to us.

const TOKENS = "afterword.tokens";
const AUTHOR = "afterword.author";
const VOTER = "afterword.voter";
const SESSIONS = "afterword.sessions";
const VISITS = "afterword.visits";
const MOST_TOKENS = 50;
const MOST_VISITS = 200;

// The voter's token where storage is closed: it lasts as long as the page.
let passingVoter = null;

function read(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? otherwise;
  } catch {
    return otherwise; // storage may be closed to us, or hold another's text
  }
}

function readList(key) {
  const list = read(key, []);
  return Array.isArray(list) ? list : [];
}

function write(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // A full or closed storage costs the convenience only.
  }
}

/** Return the headers that show who she is, in her session, and which comments are hers, the newest first. */
export function tokenHeader() {
  const tokens = readList(TOKENS);
  const session = knownSession();
  return {
    ...(session && { Authorization: `Bearer ${session.token}` }),
    ...(tokens.length && { "X-Afterword-Edit-Tokens": tokens.join(",") }),
  };
}

/** Return her open sessions by the site that each is of: `{token, name}`. */
export function knownSessions() {
  const kept = read(SESSIONS, {});
  return kept && typeof kept === "object" ? kept : {};
}

/** Return her session of the page's own site, undefined where she has not signed in. */
export function knownSession() {
  return knownSessions()[document.querySelector("[data-site]")?.dataset.site];
}

/** Remember a session of a site; null forgets it. */
export function keepSession(site, session) {
  const { [site]: old, ...others } = knownSessions();
  write(SESSIONS, session ? { ...others, [site]: session } : others);
}

export function keepToken(token) {
  write(TOKENS, [token, ...readList(TOKENS)].slice(0, MOST_TOKENS));
}

/** Return the ids of her comments: an edit token says whose comment it is (`awe_ID.proof`). */
export function ownComments() {
  return new Set(readList(TOKENS).map((token) => Number.parseInt(token.slice("awe_".length), 10)));
}

export function knownAuthor() {
  return read(AUTHOR, {});
}

export function keepAuthor(author) {
  write(AUTHOR, author);
}

/** Return the header that says as whom she votes; empty before her first vote. */
export function voterHeader() {
  const voter = read(VOTER, passingVoter);
  return voter ? { "X-Afterword-Voter": voter } : {};
}

/** Remember as whom she votes; null forgets it. */
export function keepVoter(voter) {
  passingVoter = voter;
  write(VOTER, voter);
}

/** Return the version of an article's thread that she last read, undefined if she never did. */
export function lastVisit(article) {
  return readList(VISITS).find(([id]) => id === article)?.[1];
}

export function keepVisit(article, version) {
  const others = readList(VISITS).filter(([id]) => id !== article);
  write(VISITS, [[article, version], ...others].slice(0, MOST_VISITS));
}
