// Puts the page together: who is here and what was granted, the list on one side, one identity on the other.

import { isAbort, loadMe } from "./api.js";
import { createDetail } from "./detail.js";
import { byId, fill } from "./dom.js";
import { describeProblem } from "./format.js";
import { createList } from "./list.js";
import { announce, clearMessage } from "./notice.js";
import { retryButton, skeletonRows, state } from "./rows.js";
import { showSessionEnd } from "./session.js";

const list = createList({ onOpen: openIdentity });
const detail = createDetail({
  onBack: backToList,
  onChanged: () => list.refresh(),
  nextAfter: (id) => list.nextAfter(id),
  onOpen: openIdentity,
});

start();

async function start() {
  fill(byId("results"), skeletonRows());
  try {
    const me = await loadMe();
    const granted = (scope) => me.scopes?.[scope]?.granted === true;
    detail.useRights({
      canWrite: granted("data:write"),
      canAlert: granted("alerts:write"),
      knowsReviewer: Boolean(me.user_id),
      settings: me.settings ?? {},
    });
    showSessionEnd(me.session_expires_at);
    list.start({ canRead: granted("data:read") });
  } catch (problem) {
    if (isAbort(problem)) return;
    byId("results").setAttribute("aria-busy", "false");
    fill(byId("results"), state("warning", "The app could not start", describeProblem(problem), [retryButton(problem, start)]));
    announce("The app could not start.");
  }
}

// On a narrow screen list and detail are two views of which one is shown; on a wide one both always are.
function openIdentity(id) {
  document.body.dataset.view = "detail";
  list.markOpen(id);
  detail.open(id);
}

function backToList() {
  document.body.dataset.view = "list";
  clearMessage();
  list.focusRow(detail.openId);
}
