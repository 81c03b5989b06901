// The KYC app's page as a reviewer uses it.

/** Records a decision on the identity that is open, and waits until the page says that it is recorded. */
export async function decide(portal, decision, reason) {
  await portal.getByTestId(`decision-${decision}`).check({ force: true });
  await portal.getByTestId("reason").fill(reason);
  await portal.getByTestId("record-decision").click();
  await portal.getByTestId("message").filter({ hasText: "recorded for" }).waitFor();
}
