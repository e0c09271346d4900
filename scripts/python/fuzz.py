"""Starts Waybill, lets it know a few of everything, and has schemathesis try its REST and GraphQL documents."""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import urllib.request

HERE = pathlib.Path(__file__).parent
SCHEMATHESIS = pathlib.Path(os.environ["VENV"] + "-fuzz/bin/schemathesis")
CHECKS = ",".join(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "unsupported_method",
        "ignored_auth",
    ]
)
SCOPES = "publish,subscribe,read,operate,audit"
# Requests delete much of what they name.
OF_EACH = 20


def main(program, words):
    settings = {
        "WAYBILL_API__BIND": "127.0.0.1:0",
        "WAYBILL_MAIL__FROM_ADDRESS": "reports@acme.example",
        "WAYBILL_MAIL__TLS": "none",
        "WAYBILL_MAIL__TEST_SINK": "true",
    }
    environment = {**os.environ, **settings}

    def cli(*arguments):
        done = subprocess.run([program, *arguments], env=environment, check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout

    cli("migrate")
    cli("keys", "create-tenant", "acme", "--title", "Acme")
    issued = cli("keys", "issue", "--tenant", "acme", "--title", "fuzz", "--scopes", SCOPES)
    key = re.search(r"wb_[0-9a-f]+_[\w-]+", issued).group(0)
    log = pathlib.Path(os.environ["WAYBILL_TEST_RUN_DIR"]) / "serve.log"
    with log.open("w") as written:
        server = subprocess.Popen([program, "serve"], env=environment, stdout=written, stderr=written)
    try:
        api = Api(f"http://{listening(log)}", key)
        known = seed(api)
        failed = fuzz(api, known, words)
        told = [line for line in log.read_text().splitlines() if '"level":"ERROR"' in line]
        for line in told[:10]:
            print(line)
        print(f"server: {'running' if server.poll() is None else 'gone'}, {len(told)} errors in its log")
        return 1 if failed or told or server.poll() is not None else 0
    finally:
        server.terminate()
        server.wait(60)


def listening(log):
    for _ in range(600):
        with contextlib.suppress(AttributeError):
            return re.search(r'"http.listen":"([^"]+)"', log.read_text()).group(1)
        time.sleep(0.1)
    raise SystemExit(f"fuzz: the server does not listen; its log is {log}")


class Api:
    def __init__(self, base, key):
        self.base = base
        self.key = key

    def call(self, method, path, body=None):
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


def seed(api):
    """A few of everything, and their names by the name of the path's parameter."""
    known = {
        "report": [f"r{n}" for n in range(OF_EACH)],
        "recipient": [f"p{n}" for n in range(OF_EACH)],
        "group": [f"g{n}" for n in range(OF_EACH)],
        "subscription": [f"s{n}" for n in range(OF_EACH)],
        "address": ["mail"],
        "grant": ["all"],
        "version": ["v0", "v1"],
    }
    known["member"] = known["group"]
    for report, person, group in zip(known["report"], known["recipient"], known["group"]):
        api.call("PUT", f"/v1/reports/{report}", {"title": report, "owner": "desk"})
        api.call("PUT", f"/v1/recipients/{person}", {"kind": "person", "name": person})
        mail = {"channel": "mail", "value": f"{person}@example.com"}
        api.call("PUT", f"/v1/recipients/{person}/addresses/mail", mail)
        api.call("PUT", f"/v1/recipients/{person}/entitlements/all", {"report": "*"})
        api.call("PUT", f"/v1/groups/{group}", {"title": group})
        api.call("PUT", f"/v1/groups/{group}/members/recipients/{person}")
    for n, subscription in enumerate(known["subscription"]):
        who = {"recipient": f"p{n}"} if n % 2 else {"group": f"g{n}"}
        how = {"channels": ["mail"] if n % 3 else ["inbox"]}
        body = {**who, "selector": {"report": f"r{n}"}, "preferences": how}
        api.call("PUT", f"/v1/subscriptions/{subscription}", body)
    for report in known["report"]:
        for version in known["version"]:
            api.call("POST", "/v1/reports", {"report": report, "version": version})
    deadline = time.monotonic() + 60
    while True:
        rows = api.call("GET", "/v1/deliveries?limit=200")["rows"]
        if len(rows) >= 2 * OF_EACH:
            break
        if time.monotonic() > deadline:
            raise SystemExit(f"fuzz: {len(rows)} deliveries were planned, not {2 * OF_EACH}")
        time.sleep(0.2)
    known["delivery"] = [row["delivery"] for row in rows]
    known["distribution"] = sorted({row["distribution"] for row in rows})
    return known


def fuzz(api, known, words):
    environment = {
        **os.environ,
        "WAYBILL_FUZZ_KNOWN": json.dumps(known),
        "SCHEMATHESIS_HOOKS": "fuzz_hooks",
        "PYTHONPATH": str(HERE),
    }
    words = words or ["-n", "60"]

    def run(document, url, *more):
        command = [SCHEMATHESIS, "run", document, "--url", url, "-H", f"Authorization: Bearer {api.key}"]
        command += ["--continue-on-failure", "--no-color", *more, *words]
        return subprocess.run(command, env=environment, cwd=os.environ["WAYBILL_TEST_RUN_DIR"]).returncode

    # Another tenant's key reads the metrics, and a revoked key would end the run.
    rest = run(
        f"{api.base}/openapi.json",
        api.base,
        *("--checks", CHECKS, "--phases", "examples,coverage,fuzzing"),
        *("--exclude-path", "/metrics", "--exclude-path-regex", "^/v1/keys"),
    )
    sdl = HERE.parent.parent / "schema/graphql/waybill.graphql"
    graphql = run(sdl, f"{api.base}/graphql", "--checks", "a_documented_graphql_answer")
    return rest or graphql


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
