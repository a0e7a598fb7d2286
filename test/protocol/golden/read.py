"""Reads envelopes (JSON on stdin) as a Celery worker does and prints what it saw.

In: [{"headers", "properties", "body" (base64), "content_type", "content_encoding"}].
Out: [{"args", "kwargs", "embed", "id", ...}], each value as its Python repr where JSON could hide its type.
"""
import ast
import base64
import json
import sys

from celery import Celery
from celery.app.task import Context
from celery.worker.request import Request
from kombu.message import Message

app = Celery("reader", broker="memory://", set_as_current=False)


@app.task(name="math.add")
def add(x, y):
    return x + y


def literal(text):
    """The value of a repr, or null where it is not a literal (it was cut)."""
    try:
        return repr(ast.literal_eval(text))
    except (ValueError, SyntaxError):
        return None


def read(envelope):
    message = Message(
        body=base64.b64decode(envelope["body"]), content_type=envelope["content_type"],
        content_encoding=envelope["content_encoding"], headers=envelope["headers"],
        properties=envelope["properties"], delivery_info={"exchange": "", "routing_key": "celery"},
        accept={"application/json", "application/x-msgpack"},
    )
    request = Request(message, app=app, task=add)
    args, kwargs, embed = request._payload
    context = Context(request.request_dict)
    return {
        "args": repr(args), "kwargs": repr(kwargs), "embed": embed,
        "id": request.id, "name": request.name, "root": context.root_id, "parent": context.parent_id,
        "eta": request.eta and request.eta.isoformat(), "expires": request.expires and request.expires.isoformat(),
        "timelimit": list(context.timelimit), "retries": context.retries,
        "tenant": getattr(context, "tenant", None), "correlation_id": request.correlation_id,
        "ignore_result": context.ignore_result, "argsrepr": literal(request.argsrepr),
    }


print(json.dumps([read(envelope) for envelope in json.load(sys.stdin)]))
