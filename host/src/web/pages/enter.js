// Exchanges the launch token in this page's address for a session, then goes to the session's shell.
//
// The page itself consumes nothing, so a preview or a prefetch of the address does no harm. The token leaves the address
// before anything else happens: it must not stay in the history or be seen over a shoulder.

const LAUNCH_AGAIN = "Go back to your dashboard and launch the app again.";

const token = new URLSearchParams(location.search).get("token");
history.replaceState(null, "", "/enter");

const retry = document.getElementById("retry");
retry.addEventListener("click", enter);
enter();

async function enter() {
  if (!token) {
    say("This address opens nothing by itself", "Apps are opened from a dashboard. " + LAUNCH_AGAIN);
    return;
  }
  wait();
  try {
    const answer = await post("/session", { token });
    if (!answer.ok) {
      explain(answer.status);
      return;
    }
    const { session } = await answer.json();
    await open(`/s/${encodeURIComponent(session)}/`);
  } catch {
    say("The app could not be opened", "The host did not answer. Check the connection and try again.", { again: true });
  }
}

// The session's cookie may have been refused without a word: only asking with it tells.
async function open(shell) {
  const probe = await fetch(shell, { method: "HEAD", mode: "same-origin", redirect: "error" });
  if (probe.status === 401) {
    say(
      "Your browser refused the session cookie",
      `The app keeps its session in a cookie, and this browser blocks cookies of ${location.hostname} inside other sites. ` +
        "Allow them for this site, or open the app in a tab of its own from your dashboard.",
    );
    return;
  }
  // Whatever else the shell has to say, it says itself.
  location.replace(shell);
}

function post(address, value) {
  return fetch(address, {
    method: "POST",
    mode: "same-origin",
    redirect: "error",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(value),
  });
}

function explain(status) {
  switch (status) {
    case 401:
    case 410:
      say("Launch the app again", "This launch is over: an address like this works once, and only for two minutes. " + LAUNCH_AGAIN);
      break;
    case 403:
      say("This browser can't open the app", "It does not say where its requests come from. Use a current version of your browser. " + LAUNCH_AGAIN);
      break;
    case 429:
    case 503:
      say("The app is not ready", "The host is busy or can't reach what it needs. Wait a moment and try again.", { again: true });
      break;
    default:
      say("The app could not be opened", `The host answered with an error (${status}). ` + LAUNCH_AGAIN);
  }
}

function wait() {
  document.getElementById("message").hidden = true;
  document.getElementById("loading").hidden = false;
}

function say(title, text, { again = false } = {}) {
  document.title = title;
  document.getElementById("loading").hidden = true;
  document.getElementById("message-text").textContent = text;
  document.getElementById("message").hidden = false;
  retry.hidden = !again;
  retry.parentElement.hidden = !again;
  const heading = document.getElementById("message-title");
  heading.textContent = title;
  heading.focus();
}
