// Proof of work (ALTCHA, protocol 2): her request counts although strangers in her network have asked for too much.

import { call } from "./api.js";

const AT_ONCE = 16;
const MOST = 1e5;
const FRESH = 9 * 60e3;
const PATIENCE = 10e3;

let proof;

/** Begin to compute, unless that was done lately; by WebCrypto, beside the page's own thread. */
export function prepare() {
  if (!proof || proof.from + FRESH < Date.now()) proof = { from: Date.now(), text: prove() };
}

/** Return what to send as `altcha`, once; "" where the browser cannot, or the service does not answer. */
export async function take() {
  prepare();
  const { text } = proof;
  const late = new Promise((resolve) => { setTimeout(resolve, PATIENCE, ""); });
  const taken = await Promise.race([text, late]);
  proof = undefined;
  return taken;
}

async function prove() {
  // There is none on a page without https.
  if (!crypto.subtle) return "";
  try {
    const challenge = await call("/api/v1/challenge");
    return btoa(JSON.stringify({ challenge, solution: await solve(challenge.parameters) }));
  } catch {
    return "";
  }
}

async function solve({ nonce, salt, cost: iterations, keyPrefix }) {
  const how = { name: "PBKDF2", hash: "SHA-256", salt: bytes(salt), iterations };
  const password = [...bytes(nonce), 0, 0, 0, 0];
  for (let from = 0; from < MOST; from += AT_ONCE) {
    const keys = await Promise.all(Array.from({ length: AT_ONCE }, (_, at) => derive(how, password, from + at)));
    const at = keys.findIndex((key) => key.startsWith(keyPrefix));
    if (at >= 0) return { counter: from + at, derivedKey: keys[at] };
  }
  throw new Error("no solution");
}

async function derive(how, password, counter) {
  const bytes = Uint8Array.from(password);
  new DataView(bytes.buffer).setUint32(bytes.length - 4, counter);
  const key = await crypto.subtle.importKey("raw", bytes, how.name, false, ["deriveBits"]);
  const bits = await crypto.subtle.deriveBits(how, key, 256);
  return Array.from(new Uint8Array(bits), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function bytes(hex) {
  return Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
}
