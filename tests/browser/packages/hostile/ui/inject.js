// Ways to have a script run that stands in no file of the package, which is what an injection into the page amounts to.
// Each would set `injected`.

const SET = "globalThis.injected = true";

globalThis.injections = {
  "inline script": () => add("script", { textContent: SET }),
  "script by markup": () => document.body.append(document.createRange().createContextualFragment(`<script>${SET}</script>`)),
  "attribute of an image": () => markup(`<img src="data:," onerror="${SET}">`),
  "attribute of a button": () => {
    markup(`<button id="injected-button" onclick="${SET}">go</button>`);
    document.getElementById("injected-button").click();
  },
  "address of a link": () => add("a", { href: `javascript:${SET}`, textContent: "go" }).click(),
  "data script": () => add("script", { src: `data:text/javascript,${SET}` }),
  "blob script": () => add("script", { src: URL.createObjectURL(new Blob([SET], { type: "text/javascript" })) }),
  "eval": () => (0, eval)(SET),
  "Function": () => new Function(SET)(),
  "text in a timer": () => setTimeout(SET),
};

/** Tries one from a timer, so that it runs as the page's own code does and not as a debugger's. */
function inject(name) {
  delete globalThis.injected;
  setTimeout(() => globalThis.injections[name]());
}
