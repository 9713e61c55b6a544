"""Every recorded event of GitHub, as GitHub signs it: who is believed, and what each leads to."""

import json

from harness import Failed, expect
from served import SECRET, Served, until

HEAD = "0123456789012345678901234567890123456789"
HELLO = "https://github.com/Codertocat/Hello-World"
PINS = {
    "git": {
        "hello": {"version": "v1.0.0", "url": f"{HELLO}.git"},
        "hello-head": {"version": HEAD, "strategy": "commits", "url": "git@github.com:codertocat/hello-world"},
        "hello-dev": {"version": HEAD, "strategy": "commits", "branch": "dev", "url": HELLO},
        "octo": {"version": "v1.0.0", "url": "https://github.com/octo-org/octo-repo"},
        "ghes": {"version": "v1.0.0", "url": "https://octocoders.github.io/Codertocat/Hello-World"},
        "other": {"version": "v1.0.0", "url": f"{HELLO}-2"},
    },
    "typescript": {"@Codertocat/hello-world-npm": "1.0.0", "hello": "1.0.0"},
}

LEADS_TO = {
    ("release", "published"): "tags",
    ("release", "released"): "tags",
    ("release", "prereleased"): "tags",
    ("release", "deleted"): "tags",
    ("create", "tag"): "tags",
    ("push", "refs/tags/simple-tag"): "tags",
    ("push", "refs/heads/master"): "commits",
    ("package", "published"): "package",
    ("workflow_run", "completed success"): "tags",
    ("repository_dispatch", "on-demand-test"): "tags",
}
"""What docs/serve.md says of each event that is among the examples. What is not in here leads to nothing, and `ping` to an answer."""

OF = {
    ("tags", HELLO): ["git/hello"],
    ("tags", "https://github.com/octo-org/octo-repo"): ["git/octo"],
    ("tags", "https://octocoders.github.io/Codertocat/Hello-World"): ["git/ghes"],
    ("commits", HELLO): ["git/hello-head"],
    ("package", "https://github.com/Codertocat/hello-world-npm"): ["typescript/@Codertocat/hello-world-npm"],
}
"""Which pins that means."""


def webhooks(scenario):
    """every payload of @octokit/webhooks-examples: believed with its signature alone, and led to the right pins or to none"""
    script = __file__.replace("webhooks.py", "webhook_examples.mjs")
    lines = scenario.run("node", script, scenario.home, SECRET).splitlines()
    examples = [json.loads(line) for line in lines]
    if len(examples) < 700:
        raise Failed(f"there are only {len(examples)} examples")
    service = Served(scenario, "served", PINS, "[server]\nschedules = []\n", ["--offline"]).start()
    expected, seen = {}, set()
    for number, example in enumerate(examples):
        body, name = example["body"].encode(), f"{example['server']} {number} {example['event']}"
        altered = alter(body, number)
        for signature, sent in [(None, body), (example["wrong"], body), (example["right"], altered), (example["right"][:-1], body)]:
            expect(deliver(service, name, example["event"], signature, sent)[0], 401, f"{name} with {signature} and {len(sent)} bytes")
        status, told = deliver(service, name, example["event"], example["right"], body)
        pins = concerned(example["event"], json.loads(body))
        if example["event"] == "ping":
            expect((status, told["status"]), (200, "pong"), name)
        elif pins is None:
            expect((status, told), (204, None), name)
        elif body in seen:
            expect((status, told["status"]), (200, "came before"), f"{name}, of which there is a copy")
        else:
            seen.add(body)
            expect((status, told["status"]), (202, "accepted"), name)
            expected[name] = pins
    worked_off(service, expected)
    kinds = {(example["event"], word(example["event"], json.loads(example["body"]))) for example in examples}
    expect(set(LEADS_TO) - kinds, set(), "rows of the table that no example is of")
    refused = 4 * len(examples)
    print(f"     {len(examples)} events, {len(kinds)} kinds: {len(expected)} led to checks of pins, {refused} forgeries refused")


def alter(body, number):
    """The same but for one bit of one byte, another place for each number."""
    place = number * 7919 % len(body)
    return body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]


def deliver(service, name, event, signature, body):
    """Status and JSON of the answer."""
    headers = {"Content-Type": "application/json", "X-GitHub-Event": event, "X-GitHub-Delivery": name}
    headers |= {"X-Hub-Signature-256": signature} if signature else {}
    status, _, told = service.ask("POST", "/webhooks/github", body, headers)
    return status, json.loads(told) if told else None


def word(event, payload):
    """What tells events of one name apart."""
    if event == "workflow_run":
        return " ".join(filter(None, [payload["action"], payload["workflow_run"]["conclusion"]]))
    return payload.get("ref_type") if event == "create" else payload.get("action") or payload.get("ref")


def concerned(event, payload):
    """The pins that an event is about; `None` where it is about nothing."""
    what = LEADS_TO.get((event, word(event, payload)))
    return what and OF.get((what, payload["repository"]["html_url"]), [])


def worked_off(service, expected):
    """Every delivery was found to concern its pins, and exactly those pins were checked after it."""
    until("the sorting", lambda: not service.rows("SELECT id FROM deliveries WHERE sorted_at IS NULL") and not service.rows("SELECT id FROM jobs"))
    sorted_to = {name: json.loads(pins) for name, pins in service.rows("SELECT id, pins FROM deliveries")}
    expect(sorted_to, expected, "what each delivery led to")
    checked = {pin for (scope,) in service.rows("SELECT scope FROM checks WHERE fault IS NULL") for pin in json.loads(scope)}
    expect(checked, {pin for pins in expected.values() for pin in pins}, "the pins that were checked")
    last = {pin: at for pin, at in service.rows("SELECT id, checked_at FROM findings WHERE checked_at > 0")}
    for at, pins in service.rows("SELECT received_at, pins FROM deliveries"):
        for pin in json.loads(pins):
            if last[pin] < at:
                raise Failed(f"{pin} was not checked after the last event about it")


SCENARIOS = [webhooks]
