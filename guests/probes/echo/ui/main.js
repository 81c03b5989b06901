// Shows that page and component reach each other; tests do the rest from outside.

const state = document.querySelector("[data-testid=echo-state]");

try {
  const answer = await fetch("api/seen/start");
  state.textContent = answer.ok ? "ready" : `refused: ${answer.status}`;
} catch (error) {
  state.textContent = `failed: ${error.message}`;
}
