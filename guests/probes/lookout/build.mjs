// Makes a component of src/main.js by componentize-js. By its API: the command line that wraps it fails on Node.js 20.

import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { componentize } from "@bytecodealliance/componentize-js";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const { component } = await componentize({
  sourcePath: here("src/main.js"),
  // The app's world as `airlock build` wrote it from [permissions]; everything in it is imported, used or not.
  witPath: here("target/wit"),
  worldName: "app",
  // What the host does not give. Clocks and random numbers stay: without them both would be frozen into the component.
  disableFeatures: ["http", "fetch-event", "stdio"],
});
await mkdir(here("target"), { recursive: true });
await writeFile(here("target/lookout.wasm"), component);
