// Plain words for the switches that this dashboard knows. One that is not here is still shown, with a
// label made from its key, in the last group.

const CLOUD_API = {
  outage: "Cuts every call to Cloud’s API without an answer.",
  latency_ms: "Waits this long before it handles a call.",
  inject_status: "Answers calls with this status instead of handling them. 0 is off.",
  inject_times: "How many calls that hits before it turns itself off. 0 is no limit.",
  inject_writes_only: "Limits it to calls that change something.",
  retry_after_seconds: "The Retry-After of injected 429 and 503 answers. 0 sends none.",
};

const EVENTS = {
  duplicate_delivery: "Sends every install and uninstall event twice.",
  duplicate_at_once: "Sends both copies at the same moment.",
  retry_on_failure: "Sends an event again when the app does not answer well.",
  retry_delay_ms: "The pause before each further attempt.",
  legacy_fields: "Adds organization_id to events, and user_id to launches, as older Clouds did.",
  idempotency_header: "Also sends the idempotency key as a request header.",
  idempotency_body: "Sends the idempotency key in the body.",
  slow_sender: "Sends event bodies in small pieces.",
  slow_reader: "Takes the app’s answers in small bites.",
  slow_pause_ms: "The pause between pieces and bites.",
  key_live_before_answer: "Makes a new key work before the app has answered.",
  reuse_installed_app_id: "Gives a reinstall the id of the install before it.",
  probe_at_registration: "Calls both addresses of an app when it is registered.",
  check_portal_page: "Checks that a launched page may be framed by this dashboard.",
};

const DATA = {
  asynchronous_transactions: "Queues transactions and applies them later.",
  queue_delay_ms: "How long a queued transaction waits.",
  omit_zero_numbers: "Leaves zero amounts out of balances.",
  tokenization_enabled: "Lets personal fields be tokenized.",
  core_error_detail: "Adds error_detail to errors, as newer Cores do.",
  data_detail_fails: "Answers reads of one record with 500 while lists work.",
  alerts_as_bare_array: "Lists alerts without an envelope.",
  alerts_require_instance: "Wants instance_id on alert calls too.",
};

const GROUPS = [["Cloud’s API", CLOUD_API], ["Events and launches", EVENTS], ["Ledger and alerts", DATA]];

/** Sorts keys into titled groups, in the order above; each entry is a key and its hint or null. */
export function groupSwitches(keys) {
  const groups = GROUPS.map(([title, hints]) => [title, Object.keys(hints).filter((key) => keys.includes(key)).map((key) => [key, hints[key]])]);
  const known = new Set(groups.flatMap(([, entries]) => entries.map(([key]) => key)));
  const others = keys.filter((key) => !known.has(key)).map((key) => [key, null]);
  return [...groups, ["Other", others]].filter(([, entries]) => entries.length > 0);
}
