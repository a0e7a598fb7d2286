"""Prints, as one JSON object, what the installed Python Celery puts on the wire and into a result store.

messages: name -> raw message of the in-memory transport, which has the form of the Redis one.
metas: name -> result meta as the backend encodes it.
"""
import json
from datetime import datetime, timezone

from celery import Celery, chain, chord, group
from celery.app.task import Context
from celery.exceptions import NotRegistered, Retry, TaskRevokedError, TimeLimitExceeded

APP = dict(broker="memory://", backend="cache+memory://", set_as_current=False)
app = Celery("golden", **APP)
app.conf.result_extended = True
v1 = Celery("golden-v1", **APP)
v1.conf.task_protocol = 1


@app.task(name="math.add")
def add(x, y):
    return x + y


@app.task(name="math.total")
def total(numbers):
    return sum(numbers)


def sent(owner):
    """Take the one message that waits."""
    with owner.connection_for_write() as connection:
        return connection.default_channel._get("celery")


def by(name, args=(), kwargs=None, owner=app, **options):
    owner.send_task(name, args, kwargs or {}, **options)
    return sent(owner)


def canvas(signature):
    signature.apply_async()
    return sent(app)


ETA = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc)
FAR = datetime(2099, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
NESTED = [1, [2, [3, [4]]], {"a": {"b": {"c": {"d": 1}}}}]

messages = {
    "positional": by("math.add", (2, 3)),
    "keywords": by("math.add", (), {"x": 1.5, "y": None, "z": True, "it's": "a 'quoted' text"}),
    "nested": by("math.add", (NESTED,)),
    "one": by("math.add", ("text",)),
    "long": by("math.add", ("x" * 2000, "many words " * 200, list(range(1000)))),
    "long words": by("math.add", ("many words " * 200, 1)),
    "many": by("math.add", (list(range(1000)), {"after": 1}), {"k": list(range(500)), "l": 1}),
    "unicode": by("math.add", ("caf\u00e9 \u2713 \U0001f600", 1e-7, 1e22, -0.5, 12345678901234567890)),
    "countdown": by("math.add", (2, 3), countdown=10),
    "eta": by("math.add", (2, 3), eta=ETA),
    "expires": by("math.add", (2, 3), expires=FAR),
    "limits": by("math.add", (2, 3), time_limit=30, soft_time_limit=20.5),
    "priority": by("math.add", (2, 3), priority=7),
    "headers": by("math.add", (2, 3), headers={"tenant": "acme", "trace": {"id": [1, 2]}}),
    "options": by(
        "math.add", (2, 3), task_id="my-id", root_id="root", parent_id="parent", group_id="group", group_index=4,
        retries=2, shadow="shown", ignore_result=True, reply_to="replies",
    ),
    "msgpack": by("math.add", (2, b"\x00\xff", 2**40, 2**60), {"t": "\u2713"}, serializer="msgpack"),
    "chain": canvas(chain(add.s(1, 2), add.s(3).set(queue="other"), add.si(4, 5))),
    "callback": canvas(add.s(1, 2).set(link=add.s(10), link_error=total.s())),
    "chord": canvas(add.s(1, 1) | group(add.s(2), add.s(3)) | total.s()),
    "chord part": canvas(chord([add.s(1, 1)], total.s())),
    "protocol 1": by("math.add", (2, 3), {"k": 1}, owner=v1, countdown=10, expires=3600, time_limit=30,
                     soft_time_limit=20, link=add.s(1)),
}

request = Context(
    id="the-id", task="math.add", args=[2, 3], kwargs={}, hostname="celery@host", retries=1,
    delivery_info={"routing_key": "celery"}, parent_id="parent", group="group", children=[], called_directly=False,
)


def meta(state, result, traceback=None):
    backend = app.backend
    encoded = backend.encode_result(result, state)
    stored = backend._get_result_meta(result=encoded, state=state, traceback=traceback, request=request)
    stored["task_id"] = "the-id"
    return backend.encode(stored)


metas = {
    "success": meta("SUCCESS", {"total": 5, "parts": [2, 3]}),
    "failure": meta("FAILURE", ValueError("boom", 1), "Traceback (most recent call last):\nValueError: boom"),
    "not registered": meta("FAILURE", NotRegistered("math.missing")),
    "time limit": meta("FAILURE", TimeLimitExceeded(30)),
    "no message": meta("FAILURE", KeyError()),
    "custom": meta("PROGRESS", {"done": 3, "of": 10}),
    "retry": meta("RETRY", Retry("again", ValueError("boom"), 10).exc),
    "revoked": meta("REVOKED", TaskRevokedError("terminated")),
    "started": meta("STARTED", {"pid": 1, "hostname": "celery@host"}),
}

print(json.dumps({"messages": messages, "metas": metas}))
