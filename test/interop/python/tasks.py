"""Tasks that a real Celery worker serves: celery -A tasks worker"""
import time

import redis
from celery.exceptions import SoftTimeLimitExceeded

from errors import OutOfStock
from shop import SETTINGS, make_app

app = make_app()
store = redis.Redis.from_url(SETTINGS["store"])


class ShopError(Exception):
    pass


def gate(name):
    """Wait until the test opens the gate of this name."""
    if store.blpop("gate:" + name, timeout=25) is None:
        raise RuntimeError("nobody opened the gate " + name)


@app.task(name="py.add")
def add(x, y=100):
    return x + y


@app.task(name="py.echo")
def echo(*args, **kwargs):
    return {"args": args, "kwargs": kwargs}


@app.task(name="py.types")
def types(*args):
    return [f"{type(value).__name__}: {value!r}" for value in args]


@app.task(name="py.give")
def give(kind):
    return {"bytes": b"\x00\xff", "big": 2**53 + 2, "float": 1.0, "text": "Grüße 🎈", "none": None, "list": (1, 2)}[kind]


@app.task(name="py.fail")
def fail(*args):
    raise ValueError(*(args or ("boom", 1)))


@app.task(name="py.fail_custom")
def fail_custom(message):
    raise ShopError(message)


@app.task(name="py.out_of_stock")
def out_of_stock():
    raise OutOfStock("apple", 3, [1.5, None])


@app.task(name="py.retry_once", bind=True, max_retries=3)
def retry_once(self):
    if self.request.retries == 0:
        raise self.retry(exc=ValueError("not yet"), countdown=0.2)
    return {"retries": self.request.retries, "id": self.request.id}


@app.task(name="py.sleep", bind=True)
def sleep(self, seconds):
    try:
        time.sleep(seconds)
    except SoftTimeLimitExceeded:
        return "soft limit"
    return "slept"


@app.task(name="py.progress", bind=True)
def progress(self):
    self.update_state(state="PROGRESS", meta={"done": 1, "of": 2})
    gate(self.request.id)
    self.update_state(state="STEP 1", meta=["custom"])
    gate(self.request.id)
    return "done"


@app.task(name="py.children")
def children(count, task="py.add", queue=None):
    return [app.send_task(task, (n, n), queue=queue).id for n in range(count)]


@app.task(name="py.ignored", ignore_result=True)
def ignored(label):
    store.rpush("effects", label)
    return label


@app.task(name="py.request", bind=True)
def request(self):
    names = "id headers retries eta expires timelimit root_id parent_id argsrepr kwargsrepr origin ignore_result"
    found = {name: getattr(self.request, name) for name in names.split()}
    found["context"] = self.request.get("celeriac_context")
    found["tenant"] = getattr(self.request, "tenant", None)
    # As opentelemetry-instrumentation-celery reads them.
    found["trace"] = {name: getattr(self.request, name, None) for name in ("traceparent", "tracestate", "baggage")}
    return {**found, "delivery_info": dict(self.request.delivery_info), "hostname": self.request.hostname}


@app.task(name="py.record")
def record(label):
    store.rpush("order", label)


@app.task(name="py.gated")
def gated(name):
    store.rpush("started", name)
    gate(name)
    return name


@app.task(name="py.adding", bind=True)
def adding(self, task, args, queue):
    self.add_to_chord(app.signature(task, args=args).set(queue=queue))
    return "added"


@app.task(name="both.work", bind=True, acks_late=True)
def work(self, number, seconds=0):
    """Served by both kinds of worker."""
    time.sleep(seconds)
    store.rpush("effects", f"{number} python")
    return ["python", number]


@app.task(name="py.join")
def join(*parts):
    return "-".join(str(part) for part in parts)


@app.task(name="py.total")
def total(numbers):
    return sum(numbers)


@app.task(name="py.count")
def count(name):
    """Another result each time."""
    return store.incr(name)


@app.task(name="both.note")
def both_note(text):
    store.rpush("notes", "py " + text)
    return "py"


@app.task(name="py.note", acks_late=True)
def note(*args):
    store.rpush("notes", "py.note " + " ".join(str(arg) for arg in args))
