"""Random requests to both listeners of a running host, made from their OpenAPI document (R4).

Starts `airlock dev` in a folder of its own, installs and launches the KYC sample through the simulated Cloud's dashboard,
and sends requests that fit the document and requests that do not. No answer may be a 5xx, every answer must be one that
the document names, and fewer than one in a hundred may be a 429.

    run.py --airlock target/debug/airlock --folder target/schemathesis/place --cases 10000
"""

import argparse
import collections
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import time

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "host/src/admin/openapi.json"
# The operator's port stands this far from the public one, the dashboard's one further.
ADMIN_OFFSET = 1010
NAMED = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]


def free_port():
    """A port whose neighbours are free too."""
    for _ in range(100):
        port = random.randrange(20000, 60000)
        sockets = [socket.socket() for _ in range(3)]
        try:
            for one, offset in zip(sockets, [0, 1, ADMIN_OFFSET]):
                one.bind(("127.0.0.1", port + offset))
            return port
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()
    raise SystemExit("no three ports are free between 20000 and 61010")


def environment(airlock, folder):
    """This process's environment without configuration of a host, and with every rate limit raised."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AIRLOCK_", "SESSION_SECRET"))}
    command = [airlock, "config", "check", "--format", "json"]
    checked = subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, check=False)
    for word in checked.stdout.replace('"', " ").split():
        if word.startswith("rate.") and not word.endswith("."):
            clean["AIRLOCK_" + word.upper().replace(".", "__")] = "100000"
    return clean


class Host:
    """A running host with one portal open."""

    def __init__(self, airlock, folder):
        shutil.rmtree(folder, ignore_errors=True)
        plugins = folder / "plugins"
        plugins.mkdir(parents=True)
        subprocess.run([airlock, "build", ROOT / "guests/kyc", "--plugins", plugins], cwd=ROOT, check=True)
        port = free_port()
        self.origin = f"http://127.0.0.1:{port}"
        self.admin_origin = f"http://127.0.0.1:{port + ADMIN_OFFSET}"
        self.dashboard = f"http://localhost:{port + 1}"
        self.log = folder / "log.txt"
        with open(self.log, "wb") as log:
            command = [airlock, "dev", "--port", str(port), "--plugins", "plugins"]
            self.process = subprocess.Popen(
                command, cwd=folder, env=environment(airlock, folder), stdout=log, stderr=log
            )
        try:
            self.wait()
            self.admin = {"Authorization": "Bearer " + (folder / ".airlock/data/admin.token").read_text().strip()}
            self.open_portal()
        except BaseException:
            self.stop()
            raise

    def wait(self):
        end = time.monotonic() + 300
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise SystemExit(f"airlock dev ended: {self.log.read_text()}")
            try:
                ready = requests.get(self.admin_origin + "/ready", timeout=5).status_code == 200
                if ready and self.ask("get", "/state")["apps"]:
                    return
            except requests.RequestException:
                pass
            time.sleep(0.2)
        raise SystemExit("airlock dev was not ready within 300 s")

    def ask(self, method, path, **more):
        answer = requests.request(method, self.dashboard + "/dashboard/api" + path, timeout=30, **more)
        answer.raise_for_status()
        return answer.json()

    def open_portal(self):
        state = self.ask("get", "/state")
        app, asked = state["apps"][0]["app_id"], [permission["scope"] for permission in state["apps"][0]["permissions"]]
        self.install = self.ask("post", f"/apps/{app}/install", json={"granted": asked})["install"]
        self.launch = {
            "installed_app_id": self.install["installed_app_id"],
            "app_id": app,
            "instance_id": state["instance"]["instance_id"],
        }
        portal = self.ask("post", f"/installs/{self.install['installed_app_id']}/launch")["portal_url"]
        token = portal.split("token=")[1]
        opened = requests.post(
            self.origin + "/session", json={"token": token}, headers={"Origin": self.origin}, timeout=30
        )
        opened.raise_for_status()
        self.sid = opened.json()["session"]
        # Marked Secure, which `requests` would heed and a browser on loopback too: handed on by hand.
        self.cookie = opened.headers["set-cookie"].split(";")[0]
        report = requests.get(self.admin_origin + "/apps/kyc", headers=self.admin, timeout=30).json()
        self.secrets = {
            kind: report[key].rsplit("/", 1)[1]
            for kind, key in [("callback", "callback_url"), ("portal", "portal_generator_url")]
        }
        self.digest = report["sha256"]

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Trial:
    """Cases against a host, and what came of them."""

    def __init__(self, host, chance):
        self.host = host
        self.chance = chance
        self.session = requests.Session()
        self.session.trust_env = False
        self.statuses = collections.Counter()
        self.failures = {}
        known = {check.__name__: check for check in CHECKS.get_all()}
        self.checks = [known[name] for name in NAMED]

    def send(self, case):
        """One case; three in four get past the first door."""
        path, tag = case.operation.path, case.operation.definition.raw["tags"][0]
        inside = self.chance.random() < 0.75
        case.headers = case.headers or {}
        if tag == "admin":
            origin = self.host.admin_origin
            if inside:
                case.headers.update(self.host.admin)
        else:
            origin = self.host.origin
            if inside:
                self.let_in(case, path)
        answer = case.call(base_url=origin, session=self.session, timeout=60)
        self.statuses[answer.status_code] += 1
        try:
            case.validate_response(answer, checks=self.checks_of(case, answer))
        except BaseExceptionGroup as group:
            self.fail(case, answer, group.exceptions[0])
        except AssertionError as error:
            self.fail(case, answer, error)

    def checks_of(self, case, answer):
        # A POST without a body is Cloud's probe, which is told nothing: that its 200 has no body can't be said beside the other.
        probe = case.method == "POST" and case.operation.path.startswith("/api/") and not answer.request.body
        if probe and answer.status_code == 200 and not answer.content:
            about_bodies = ("content_type_conformance", "response_schema_conformance")
            return [check for check in self.checks if check.__name__ not in about_bodies]
        return self.checks

    def let_in(self, case, path):
        for kind, secret in self.host.secrets.items():
            if path.startswith(f"/api/{kind}/"):
                case.path_parameters.update(app="kyc", secret=secret)
                launches = kind == "portal" and case.method == "POST" and isinstance(case.body, dict)
                if launches and self.chance.random() < 0.5:
                    case.body = {**case.body, **self.host.launch}
                    case.body.pop("organization_id", None)
        # In development the stream of events has no end.
        if path.startswith("/s/") and not path.endswith("/events"):
            case.path_parameters["sid"] = self.host.sid
            case.headers.update({"Sec-Fetch-Site": "same-origin", "Cookie": self.host.cookie})
            case.headers.pop("Origin", None)
            case.cookies = {}
        if path.startswith("/ui/"):
            case.path_parameters.update(app="kyc", digest=self.host.digest)

    def fail(self, case, answer, error):
        what = (case.method, case.operation.path, answer.status_code, type(error).__name__)
        self.failures.setdefault(what, f"{case.as_curl_command()}\n{error}\n{answer.content[:500]!r}")


def run(trial, operation, mode, examples, number):
    @seed(number)
    @settings(
        max_examples=examples, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def cases(case):
        trial.send(case)

    cases()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--airlock", type=pathlib.Path, required=True)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--cases", type=int, required=True)
    parser.add_argument("--seed", type=int, default=None, help="the number that a failed run has printed")
    arguments = parser.parse_args()
    number = arguments.seed if arguments.seed is not None else random.randrange(1 << 32)
    print(f"seed {number}", flush=True)
    schema = schemathesis.openapi.from_dict(json.loads(DOCUMENT.read_text()))
    operations = [result.ok() for result in schema.get_all_operations()]
    host = Host(arguments.airlock.resolve(), arguments.folder.resolve())
    trial = Trial(host, random.Random(number))
    try:
        passes = 0
        # What has no parameters has few negative cases, so rounds go on until the number is reached.
        while sum(trial.statuses.values()) < arguments.cases and passes < 50:
            left = arguments.cases - sum(trial.statuses.values())
            examples = max(2, -(-left // (2 * len(operations))))
            for operation in operations:
                for mode in [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]:
                    try:
                        run(trial, operation, mode, examples, number + passes)
                    except schemathesis.errors.InvalidSchema as error:
                        raise SystemExit(f"{operation.label}: {error}") from error
                    except Exception as error:  # hypothesis: nothing negative can be made for some operations
                        if type(error).__name__ not in ("Unsatisfiable", "SkipTest"):
                            raise
            passes += 1
    finally:
        host.stop()
    return judge(trial, arguments.cases)


def judge(trial, wanted):
    total, too_many = sum(trial.statuses.values()), trial.statuses[429]
    print(f"{total} cases: {dict(sorted(trial.statuses.items()))}")
    for what, how in sorted(trial.failures.items()):
        print("\nFAILED", *what, "\n" + how)
    broken = sum(count for status, count in trial.statuses.items() if status >= 500)
    if total < wanted:
        print(f"only {total} of {wanted} cases could be made")
    if too_many * 100 >= total:
        print(f"{too_many} of {total} answers were 429")
    return 1 if trial.failures or broken or total < wanted or too_many * 100 >= total else 0


if __name__ == "__main__":
    sys.exit(main())
