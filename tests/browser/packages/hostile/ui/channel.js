// The channel as a hostile page uses it: without the host's script, saying whatever it likes.

let port = null;
let lastId = 0;
const waiting = new Map();

/** Says hello; gives true once the shell has handed a port over, false where it does not within the time. */
globalThis.knock = (patience = 3_000) =>
  new Promise((resolve) => {
    setTimeout(resolve, patience, false);
    addEventListener("message", ({ data, ports }) => {
      if (data?.airlock !== "port" || !ports[0]) return;
      [port] = ports;
      port.onmessage = ({ data: answer }) => waiting.get(answer.id)?.(answer);
      resolve(true);
    });
    parent.postMessage({ airlock: "hello" }, "*");
  });

/** Sends a message as it is, with an id of its own unless it brings one; gives the answer, or null where none comes. */
globalThis.say = (message, patience = 3_000) =>
  new Promise((resolve) => {
    const id = typeof message === "object" && message !== null && "id" in message ? message.id : (lastId += 1);
    waiting.set(id, ({ body, ...rest }) => resolve({ ...rest, text: body ? new TextDecoder().decode(body) : null }));
    setTimeout(resolve, patience, null);
    port.postMessage(typeof message === "object" && message !== null ? { ...message, id } : message);
  });

/** What can't be given from outside: values of other kinds than plain data. */
globalThis.oddMessages = {
  "a body that is text": () => ({ path: "api/seen/odd", method: "POST", body: "text" }),
  "a body that is a view": () => ({ path: "api/seen/odd", method: "POST", body: new Uint8Array(4) }),
  "a body that is a blob": () => ({ path: "api/seen/odd", method: "POST", body: new Blob(["x"]) }),
  "a body for GET": () => ({ path: "api/seen/odd", method: "GET", body: new ArrayBuffer(4) }),
  "a path that is a list": () => ({ path: ["api/seen/odd"], method: "GET" }),
  "a path that is an object": () => ({ path: { toString: null, 0: "api/" }, method: "GET" }),
  "no path": () => ({ method: "GET" }),
  "no method": () => ({ path: "api/seen/odd" }),
  "headers that are an object": () => ({ path: "api/seen/odd", method: "GET", headers: { accept: "x" } }),
  "a header with a line break": () => ({ path: "api/seen/odd", method: "GET", headers: [["accept", "x\r\ncookie: stolen"]] }),
  "a thousand headers": () => ({ path: "api/seen/odd", method: "GET", headers: Array(1_000).fill(["accept", "x"]) }),
  "a header of a megabyte": () => ({ path: "api/seen/odd", method: "GET", headers: [["accept", "x".repeat(1 << 20)]] }),
};
