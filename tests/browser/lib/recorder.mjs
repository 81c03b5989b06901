// Stands before the host and writes down what is asked of it: what a test claims never to have arrived did not pass here.

import { Agent, createServer, request } from "node:http";

/** Starts a recorder before the host at `port` of loopback. */
export async function startRecorder(port) {
  const records = [];
  const agent = new Agent({ keepAlive: true });
  const server = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming;
    const record = { method, path: url, site: headers["sec-fetch-site"] ?? null, mode: headers["sec-fetch-mode"] ?? null, cookie: headers.cookie ?? null, referer: headers.referer ?? null, status: null };
    records.push(record);
    const forward = request({ host: "127.0.0.1", port, method, path: url, headers, agent, setHost: false }, (answer) => {
      record.status = answer.statusCode;
      outgoing.writeHead(answer.statusCode, answer.statusMessage, answer.rawHeaders);
      answer.pipe(outgoing);
      answer.on("error", () => outgoing.destroy());
    });
    forward.on("error", () => outgoing.destroy());
    outgoing.on("close", () => forward.destroy());
    incoming.pipe(forward);
  });
  server.keepAliveTimeout = 60_000;
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    records,
    forget: () => records.splice(0),
    close() {
      server.close();
      server.closeAllConnections();
      agent.destroy();
    },
  };
}
