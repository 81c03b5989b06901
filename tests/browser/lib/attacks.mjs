// The attempts of the hostile page, by name, and running one of them.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { runInNewContext } from "node:vm";

import { TEST_PACKAGES } from "./paths.mjs";

const UI = join(TEST_PACKAGES, "hostile/ui");
const read = (file) => readFile(join(UI, file), "utf8");

/** The names in a table of these files of the hostile page, in their order. */
export async function attackNames(files, table = "attacks") {
  const world = {};
  runInNewContext((await Promise.all(files.map(read))).join("\n"), world);
  return Object.keys(world[table]);
}

/** Makes one attempt in a frame; gives what became of it, as text. An attempt that hangs is left to itself. */
export function attempt(frame, name, port) {
  return frame.evaluate(
    async ([name, port]) => {
      const patience = new Promise((resolve) => setTimeout(resolve, 2_000, "still open"));
      try {
        return String(await Promise.race([globalThis.attacks[name](`http://127.0.0.1:${port}/`, port), patience]));
      } catch (error) {
        return `${error.name}: ${error.message}`;
      }
    },
    [name, port],
  );
}

/** The same page with no host around it and no policy: what arrives from here could arrive. */
export async function serveUncaged(files) {
  const scripts = new Map(await Promise.all(files.map(async (file) => [`/${file}`, await read(file)])));
  const page = `<!doctype html><title>Uncaged</title>${files.map((file) => `<script src="/${file}"></script>`).join("")}<body>`;
  const server = createServer((request, response) => {
    const script = scripts.get(request.url);
    response.writeHead(200, { "content-type": script ? "text/javascript" : "text/html" });
    response.end(script ?? page);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { address: `http://127.0.0.1:${server.address().port}/`, close };
}

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Waits until `look` gives something, at most `limit` milliseconds; gives it, or the last it gave. */
export async function eventually(look, limit) {
  const deadline = Date.now() + limit;
  for (;;) {
    const found = await look();
    if (found || Date.now() > deadline) return found;
    await pause(25);
  }
}
