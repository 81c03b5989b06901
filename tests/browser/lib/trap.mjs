// Servers that nothing in a cage may reach. Each attempt has a port of its own, so that whatever arrives is known by it,
// even a connection that never says a word.

import { createSocket } from "node:dgram";
import { createServer } from "node:http";

/** Opens a port, for TCP and UDP alike, for each name. */
export async function openTraps(names) {
  const traps = new Map();
  for (const name of names) traps.set(name, await openTrap());
  return {
    /** The port of an attempt. */
    port: (name) => traps.get(name).port,
    ports: Object.fromEntries([...traps].map(([name, { port }]) => [name, port])),
    /** What came: "connection" for each TCP connection, "GET /path" for each request, "datagram" for UDP. Without repeats. */
    arrived: (name) => [...new Set(traps.get(name).arrivals)],
    forget: () => traps.forEach(({ arrivals }) => arrivals.splice(0)),
    close: () => traps.forEach(({ close }) => close()),
  };
}

async function openTrap() {
  const arrivals = [];
  const server = createServer((request, response) => {
    arrivals.push(`${request.method} ${request.url}`);
    response.writeHead(200, { "access-control-allow-origin": "*", "content-type": "text/plain" });
    response.end("trapped");
  });
  server.on("connection", () => arrivals.push("connection"));
  server.on("upgrade", (request, socket) => {
    arrivals.push(`${request.method} ${request.url}`);
    socket.destroy();
  });
  server.on("clientError", (_, socket) => {
    arrivals.push("bytes");
    socket.destroy();
  });
  const { port, udp } = await bindBoth(server);
  udp.on("message", () => arrivals.push("datagram"));
  const close = () => {
    server.close();
    server.closeAllConnections();
    udp.close();
  };
  return { port, arrivals, close };
}

/** The system picks a TCP port; where the UDP one of that number is taken, it picks again. */
async function bindBoth(server) {
  for (;;) {
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address();
    const udp = createSocket("udp4");
    const bound = await new Promise((resolve) => {
      udp.once("error", () => resolve(false));
      udp.bind(port, "127.0.0.1", () => resolve(true));
    });
    if (bound) return { port, udp };
    await new Promise((resolve) => server.close(resolve));
  }
}
