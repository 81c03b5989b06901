// Shows the balances below the threshold.

const state = document.querySelector("[data-testid=lookout-state]");
const rows = document.querySelector("[data-testid=lookout-balances]");

try {
  const answer = await fetch("api/balances");
  const found = await answer.json();
  if (answer.ok) {
    for (const one of found.items.filter((item) => item.is_below)) {
      const row = rows.insertRow();
      for (const text of [one.id, one.currency, one.balance]) row.insertCell().textContent = text;
    }
    state.textContent = `${found.total} balances, threshold ${found.threshold}`;
  } else {
    state.textContent = `refused: ${found.detail}`;
  }
} catch (error) {
  state.textContent = `failed: ${error.message}`;
}
