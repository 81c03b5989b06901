// What an app's page asks for, judged. The page is untrusted: nothing it sends is used before it has passed here.
// Pure functions, so that the rule can be tested outside a browser.

export const MAX_REQUEST_BYTES = 1024 * 1024;
const MAX_ADDRESS = 8 * 1024;
const MAX_HEADER_VALUE = 1024;
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);
const HEADERS = new Set(["accept", "accept-language", "content-type", "if-none-match"]);

// The address under `base` (the session's own, with a slash at its end) that `path` names, or null where it is not
// one under `api/`. Checked twice: as text, because the URL parser repairs what it is given (backslashes, dots, line
// breaks), and after parsing, because only then it is certain where the request would go.
export function resolveAddress(path, base) {
  if (typeof path !== "string" || path.length > MAX_ADDRESS || !path.startsWith("api/")) return null;
  // Visible ASCII only, no backslash, no fragment: what a correctly built address consists of.
  if (!/^[\x21-\x7e]+$/.test(path) || /[\\#]/.test(path)) return null;
  const [plainPath] = path.split("?", 1);
  const segments = plainPath.split("/").slice(1);
  // A slash at the end is an ordinary address; an empty segment elsewhere is none.
  if (segments.at(-1) === "") segments.pop();
  if (!segments.every(isCleanSegment)) return null;

  let url;
  let root;
  try {
    root = new URL("api/", base);
    url = new URL(path, base);
  } catch {
    return null;
  }
  const same = url.origin === root.origin && url.protocol === root.protocol && url.host === root.host;
  if (!same || url.username !== "" || url.password !== "" || url.hash !== "") return null;
  return url.pathname.startsWith(root.pathname) ? url : null;
}

function isCleanSegment(segment) {
  let decoded;
  try {
    decoded = decodeURIComponent(segment);
  } catch {
    return false;
  }
  if (decoded === "" || decoded === "." || decoded === "..") return false;
  // No separators or control characters in disguise, and nothing that a second decoding would turn into one.
  return !/[/\\\x00-\x1f\x7f]|%[0-9a-f]{2}/i.test(decoded);
}

// The arguments for `fetch`, or the reason why there are none: "refused" or "too-large".
export function buildRequest(message, base) {
  const url = resolveAddress(message.path, base);
  if (url === null || !METHODS.has(message.method)) return { refusal: "refused" };
  const { body = null, method } = message;
  if (body !== null) {
    if (!(body instanceof ArrayBuffer) || method === "GET" || method === "HEAD") return { refusal: "refused" };
    if (body.byteLength > MAX_REQUEST_BYTES) return { refusal: "too-large" };
  }
  const headers = pickHeaders(message.headers);
  if (headers === null) return { refusal: "refused" };
  return { url, method, headers, body };
}

// Headers outside the list are left out without a word, as a server would ignore them.
function pickHeaders(pairs) {
  const headers = new Headers();
  if (pairs === undefined) return headers;
  if (!Array.isArray(pairs) || pairs.length > 64) return null;
  for (const pair of pairs) {
    if (!Array.isArray(pair) || typeof pair[0] !== "string" || typeof pair[1] !== "string") return null;
    const name = pair[0].toLowerCase();
    if (!HEADERS.has(name)) continue;
    if (pair[1].length > MAX_HEADER_VALUE) return null;
    try {
      headers.set(name, pair[1]);
    } catch {
      return null;
    }
  }
  return headers;
}
