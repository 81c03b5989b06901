// Shows the statement of the first account.

const state = document.querySelector("[data-testid=extract-state]");
const rows = document.querySelector("[data-testid=extract-rows]");

async function asked(address) {
  const answer = await fetch(address);
  const found = await answer.json();
  if (!answer.ok) throw new Error(`refused: ${found.detail}`);
  return found;
}

try {
  const { total, items } = await asked("api/accounts");
  const statement = await asked(`api/accounts/${encodeURIComponent(items[0].id)}/statement`);
  for (const one of statement.items) {
    const row = rows.insertRow();
    for (const text of [one.at, one.reference, one.amount, one.sum]) row.insertCell().textContent = text;
  }
  state.textContent = `${total} accounts, ${statement.items.length} rows`;
} catch (error) {
  state.textContent = error.message;
}
