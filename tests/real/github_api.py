"""GitHub's own description of its API (npm `@octokit/openapi`), and whether a recorded request fits it, to the letter.

The description is cut down to the operations that upmon may use, so that anything else is refused, and mended where
validators would pass everything in silence: `nullable` beside no `type`. Beyond the description, nothing is allowed:
no field and no parameter that it does not name, nothing deprecated or closing down, no other version of the API.
"""

import copy
import json
import re

from openapi_core import OpenAPI
from openapi_core.testing import MockRequest

OPERATIONS = """
issues/list-for-repo issues/create issues/get issues/update issues/list-comments issues/create-comment
issues/add-labels issues/list-labels-for-repo issues/create-label issues/get-label
repos/get repos/create-dispatch-event
actions/create-workflow-dispatch actions/list-workflow-runs actions/list-workflow-runs-for-repo actions/get-workflow-run
""".split()

METHODS = ("get", "post", "put", "patch", "delete")

HEADERS = {"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}
"""What every request says; `User-Agent` comes beside them."""


class Description:
    """The part of GitHub's description that upmon may use."""

    def __init__(self, whole):
        part = {key: whole[key] for key in ("openapi", "info", "servers")}
        part["paths"] = dict(paths(whole))
        found = {operation["operationId"] for item in part["paths"].values() for operation in item.values() if "operationId" in operation}
        if missing := set(OPERATIONS) - found:
            raise ValueError(f"not in GitHub's description: {', '.join(sorted(missing))}")
        part["components"] = components(part["paths"], whole["components"])
        part = copy.deepcopy(part)
        mend_nullable(part)
        mend_created(part["components"]["parameters"]["created"])
        for item in part["paths"].values():
            for operation in item.values():
                for media in operation.get("requestBody", {}).get("content", {}).values():
                    forbid_more(media["schema"])
        self.document = part
        self.validator = OpenAPI.from_dict(part)
        self.patterns = [(pattern(path), path) for path in sorted(part["paths"], key=lambda path: path.count("{"))]

    @classmethod
    def read(cls, file):
        """Reads the whole description."""
        return cls(json.loads(file.read_text()))

    def problems(self, request):
        """Everything about a request that GitHub's description does not allow."""
        operation = self.operation(request)
        if operation is None:
            return ["no operation that upmon may use"]
        found = [*said(request), *self.asked(request, operation)]
        if operation.get("deprecated"):
            found.append("the operation is deprecated")
        return [*found, *self.misfits(request)]

    def operation(self, request):
        """The description of what is asked for."""
        for known, path in self.patterns:
            if known.fullmatch(request["path"]):
                return self.document["paths"][path].get(request["method"].lower())
        return None

    def asked(self, request, operation):
        """Parameters and fields that are not known, or are about to go."""
        named = [self.resolved(parameter) for parameter in operation.get("parameters", [])]
        known = {parameter["name"] for parameter in named if parameter["in"] == "query"}
        names = [name for name, _ in request["query"]]
        yield from (f"unknown parameter `{name}`" for name in sorted(set(names) - known))
        yield from (f"parameter `{name}` twice" for name in sorted({name for name in names if names.count(name) > 1}))
        fields = self.fields(operation)
        for name in parsed(request) or {}:
            if "closing down" in fields.get(name, {}).get("description", ""):
                yield f"the field `{name}` is closing down"

    def fields(self, operation):
        """The fields of an operation's body."""
        content = operation.get("requestBody", {}).get("content", {})
        return content.get("application/json", {}).get("schema", {}).get("properties", {})

    def resolved(self, thing):
        """A thing, or what it refers to."""
        while "$ref" in thing:
            _, _, kind, name = thing["$ref"].split("/", 3)
            thing = self.document["components"][kind][name]
        return thing

    def misfits(self, request):
        """What the validator says."""
        asked = MockRequest(
            "https://api.github.com",
            request["method"].lower(),
            request["path"],
            args=dict(request["query"]),
            headers=dict(request["headers"]),
            data=None if request["body"] is None else request["body"].encode(),
            content_type=dict(request["headers"]).get("content-type", "application/json"),
        )
        try:
            self.validator.validate_request(asked)
        except Exception as error:  # the validator has many kinds, and each is a misfit
            reasons = getattr(error.__cause__, "schema_errors", None) or []
            told = [f"{'/'.join(map(str, reason.absolute_path)) or '.'}: {reason.message}" for reason in reasons]
            yield f"{type(error).__name__}: {'; '.join(told) or error}"


def paths(whole):
    """The paths with the wanted operations alone."""
    for path, item in whole["paths"].items():
        wanted = {name: part for name, part in item.items() if name not in METHODS or part["operationId"] in OPERATIONS}
        if any(name in METHODS for name in wanted):
            yield path, wanted


def components(start, known):
    """Everything that the paths refer to."""
    kept, todo = {}, [start]
    while todo:
        part = todo.pop()
        if isinstance(part, list):
            todo.extend(part)
        if not isinstance(part, dict):
            continue
        reference = part.get("$ref")
        if isinstance(reference, str):
            _, _, kind, name = reference.split("/", 3)
            if name not in kept.setdefault(kind, {}):
                kept[kind][name] = known[kind][name]
                todo.append(kept[kind][name])
        todo.extend(part.values())
    return kept


def mend_nullable(part):
    """`nullable` beside no `type` means nothing to a validator: it is put as one more choice."""
    if isinstance(part, list):
        for inner in part:
            mend_nullable(inner)
    if not isinstance(part, dict):
        return
    if part.get("nullable") is True and "type" not in part:
        del part["nullable"]
        nothing = {"enum": [None]}
        if kind := next((kind for kind in ("oneOf", "anyOf") if kind in part), None):
            part[kind] = [*part[kind], nothing]
        elif kind := next((kind for kind in ("$ref", "allOf") if kind in part), None):
            part["anyOf"] = [{kind: part.pop(kind)}, nothing]
        elif None not in part.get("enum", [None]):
            part["enum"] = [*part["enum"], None]
    for inner in part.values():
        mend_nullable(inner)


def mend_created(parameter):
    """The words ask for a range in the syntax of searches, the schema for an instant: the schema is put as the words."""
    if "date-time range" not in parameter["description"] or parameter["schema"] != {"type": "string", "format": "date-time"}:
        raise ValueError(f"`created` is described otherwise now: {parameter}")
    instant = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    parameter["schema"] = {"type": "string", "pattern": rf"^([<>]=?)?{instant}$|^({instant}|\*)\.\.({instant}|\*)$"}


def forbid_more(schema):
    """No field that a body's description does not name, at any depth."""
    if isinstance(schema, list):
        for inner in schema:
            forbid_more(inner)
    if not isinstance(schema, dict):
        return
    if "properties" in schema:
        schema.setdefault("additionalProperties", False)
    for inner in schema.values():
        forbid_more(inner)


def pattern(path):
    """A path's template as an expression."""
    return re.compile("".join("[^/]+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]+\})", path)))


def parsed(request):
    """The fields of a request's body."""
    try:
        body = json.loads(request["body"] or "null")
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def said(request):
    """Headers that are missing, wrong or there twice."""
    headers = request["headers"]
    wanted = dict(HEADERS, **({"content-type": "application/json"} if request["body"] else {}))
    for name, value in wanted.items():
        values = [given for known, given in headers if known == name]
        if values != [value]:
            yield f"header `{name}` is {values}, not `{value}`"
    if sum(name == "user-agent" for name, _ in headers) != 1:
        yield "no `user-agent`, or two"


def self_test(description):
    """Requests that are wrong on purpose, and whether each is refused for its own reason."""
    right = {
        "method": "POST",
        "path": "/repos/acme/shop/issues",
        "query": [],
        "headers": [*HEADERS.items(), ("user-agent", "upmon"), ("content-type", "application/json")],
        "body": json.dumps({"title": "one", "body": "two", "labels": ["upmon"]}),
    }
    listed = {**right, "method": "GET", "body": None, "headers": right["headers"][:3]}
    issue = "/repos/acme/shop/issues/1"

    def body(**fields):
        return json.dumps(fields)

    wrong = [
        ({"body": body(body="no title")}, "title"),
        ({"body": body(title={"x": 1})}, "title"),
        ({"body": body(title="one", labels="upmon")}, "labels"),
        ({"body": body(title="one", labels=[1])}, "labels"),
        ({"body": body(title="one", label=["upmon"])}, "label"),
        ({"body": body(title="one", labels=[{"name": "x", "colour": "red"}])}, "labels"),
        ({"body": body(title="one", assignee="ana")}, "closing down"),
        ({"body": "not json"}, "Body"),
        ({"body": None}, "Body"),
        ({"headers": right["headers"][1:]}, "accept"),
        ({"headers": [("accept", HEADERS["accept"]), *right["headers"][2:]]}, "x-github-api-version"),
        ({"headers": [*right["headers"], ("x-github-api-version", "2022-11-28")]}, "x-github-api-version"),
        ({"headers": right["headers"][:2]}, "user-agent"),
        ({"query": [["labels", "upmon"]]}, "unknown parameter `labels`"),
        ({"method": "PATCH", "path": issue, "body": body(state="shut")}, "state"),
        ({"method": "PATCH", "path": issue, "body": body(state_reason="done")}, "state_reason"),
        ({"method": "PATCH", "path": issue, "body": body(colour="red")}, "colour"),
        ({"method": "POST", "path": f"{issue}/comments", "body": body(text="x")}, "body"),
        ({"path": "/repos/acme/shop/labels", "body": body(color="ffffff")}, "name"),
        ({"path": "/repos/acme/shop/labels", "body": body(name="x", color=7)}, "color"),
        ({"path": "/repos/acme/shop/dispatches", "body": body(client_payload={})}, "event_type"),
        ({"path": "/repos/acme/shop/dispatches", "body": body(event_type="x", client_payload={str(key): 1 for key in range(11)})}, "client_payload"),
        ({"path": "/repos/acme/shop/dispatches", "body": body(event_type="x", payload={})}, "payload"),
        ({"path": "/repos/acme/shop/actions/workflows/7/dispatches", "body": body(inputs={})}, "ref"),
        ({"path": "/repos/acme/shop/actions/workflows/7/dispatches", "body": body(ref="main", return_run_details="yes")}, "return_run_details"),
        ({"method": "PUT"}, "no operation"),
        ({"path": "/repos/acme/shop/issue"}, "no operation"),
        ({"path": "/teams/1", "method": "GET", "body": None}, "no operation"),
    ]
    wrong_lists = [
        ({"query": [["state", "everything"]]}, "everything"),
        ({"query": [["per_page", "many"]]}, "per_page"),
        ({"query": [["label", "upmon"]]}, "unknown parameter `label`"),
        ({"query": [["page", "1"], ["page", "2"]]}, "parameter `page` twice"),
    ]
    runs = {**listed, "path": "/repos/acme/shop/actions/runs"}
    since = {**runs, "query": [["event", "push"], ["created", ">=2026-11-20T06:00:00Z"]]}
    for request in (right, listed, since, {**listed, "query": [["state", "all"], ["labels", "upmon"], ["per_page", "100"]]}):
        if found := description.problems(request):
            raise ValueError(f"a right request is refused: {found}: {request}")
    wrong_runs = [({"query": [["created", "yesterday"]]}, "yesterday"), ({"query": [["created", "=>2026-11-20T06:00:00Z"]]}, "does not match")]
    for base, rows in ((right, wrong), (listed, wrong_lists), (runs, wrong_runs)):
        for change, reason in rows:
            found = description.problems({**base, **change})
            if not any(reason in problem for problem in found):
                raise ValueError(f"not refused for `{reason}`, but for {found}: {change}")
    refuse_deprecated(description, right)
    return len(wrong) + len(wrong_lists) + len(wrong_runs) + 1


def refuse_deprecated(description, request):
    """An operation that is right today is refused on the day on which it is deprecated."""
    operation = description.operation(request)
    operation["deprecated"] = True
    found = description.problems(request)
    del operation["deprecated"]
    if found != ["the operation is deprecated"]:
        raise ValueError(f"a deprecated operation is taken: {found}")
