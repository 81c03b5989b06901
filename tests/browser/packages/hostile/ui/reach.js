// What a page might find in its own browser: storage, other windows, the host's own addresses. Each answers with what it
// got hold of; being refused is an error.

const reaches = (globalThis.reaches = {
  "reading cookies": () => document.cookie,
  "writing a cookie": () => (document.cookie = "stolen=1"),
  "the cookie store": () => cookieStore.getAll(),
  "local storage": () => localStorage.setItem("stolen", "1"),
  "session storage": () => sessionStorage.setItem("stolen", "1"),
  "a database": () => new Promise((resolve, reject) => {
    const request = indexedDB.open("stolen");
    request.onsuccess = () => resolve("opened");
    request.onerror = () => reject(request.error);
  }),
  "the cache": () => caches.open("stolen"),
  "private files": () => navigator.storage.getDirectory(),
  "a service worker": () => navigator.serviceWorker.register("network.js"),
  "a shared worker": () => void new SharedWorker("network.js"),
  "the shell's document": () => parent.document.title,
  "the dashboard's document": () => top.document.title,
  "the shell's address": () => parent.location.href,
  "the dashboard's address": () => top.location.href,
  "the shell's variables": () => parent.view,
  "the element that holds this page": () => {
    if (window.frameElement === null) throw new Error("no element is told");
    return "told";
  },
  "the window that opened this one": () => {
    if (window.opener === null) throw new Error("no window is told");
    return "told";
  },
  "the address it came from": () => {
    if (document.referrer === "") throw new Error("no address is told");
    return document.referrer;
  },
  "a lock shared with others": () => navigator.locks.request("stolen", () => "locked"),
  "the camera": () => navigator.mediaDevices.getUserMedia({ video: true }),
  "the clipboard": () => navigator.clipboard.readText(),
  "the person's place": () => new Promise((resolve, reject) => navigator.geolocation.getCurrentPosition(resolve, reject)),
  "the whole screen": () => document.documentElement.requestFullscreen(),
  "a message box": () => {
    const before = performance.now();
    prompt("Your password?");
    if (performance.now() - before < 100) throw new Error("no box was shown");
    return "shown";
  },
});

// Ways to other places of the same host. Each takes the session's name, which the page does not know, and the neighbor's version.
globalThis.sameHost = {
  "fetch of the session": (sid) => fetch(`/s/${sid}/api/seen/fetch`),
  "fetch without CORS": (sid) => fetch(`/s/${sid}/api/seen/opaque`, { mode: "no-cors", credentials: "include" }),
  "fetch of the exchange": () => fetch("/session", { method: "POST", body: "{}" }),
  "beacon to the api": (sid) => void navigator.sendBeacon(`/s/${sid}/api/seen/beacon`),
  "image of the api": (sid) => loaded("img", { src: `/s/${sid}/api/seen/image` }),
  "script of the api": (sid) => loaded("script", { src: `/s/${sid}/api/seen/script` }),
  "module of the api": (sid) => import(new URL(`/s/${sid}/api/seen/module`, document.baseURI)),
  "script of the neighbor": (_, digest) => loaded("script", { src: `/ui/neighbor/${digest}/index.html` }),
  "frame of the shell": (sid) => void add("iframe", { src: `/s/${sid}/` }),
  "frame of the neighbor": (_, digest) => void add("iframe", { src: `/ui/neighbor/${digest}/index.html` }),
  "form to the api": (sid) => submit({ action: `/s/${sid}/api/seen/form`, method: "post", target: "elsewhere" }),
  "event stream of the session": (sid) => void new EventSource(`/s/${sid}/events`),
};

function loaded(tag, properties) {
  return new Promise((resolve, reject) => {
    const element = add(tag, properties);
    element.onload = () => resolve("loaded");
    element.onerror = () => reject(new Error("not loaded"));
  });
}

// Ways to leave. Each takes an address to go to.
globalThis.departures = {
  "location": (to) => (location.href = to),
  "location.replace": (to) => location.replace(to),
  "a link": (to) => add("a", { href: to, textContent: "go" }).click(),
  "a refresh": (to) => add("meta", { httpEquiv: "refresh", content: `0;url=${to}` }, document.head),
  "window.open upon itself": (to) => window.open(to, "_self"),
  "window.open upon the shell": (to) => window.open(to, "_parent"),
  "window.open upon the dashboard": (to) => window.open(to, "_top"),
  "a new window": (to) => window.open(to, "_blank"),
  "the shell's location": (to) => (parent.location = to),
  "the dashboard's location": (to) => (top.location = to),
  "a script for the shell": (to) => (parent.location = `javascript:void(location="${to}")`),
  "a data page": (to) => (location.href = `data:text/html,<script>location="${to}"</script><img src="${to}">`),
  "a blob page": (to) => (location.href = URL.createObjectURL(new Blob([`<script>location="${to}"</script><img src="${to}">`], { type: "text/html" }))),
  "a page written over this one": (to) => {
    document.open();
    document.write(`<meta http-equiv="refresh" content="0;url=${to}"><iframe src="${to}"></iframe>`);
    document.close();
  },
};
