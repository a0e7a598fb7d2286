"""A Celery client: one JSON request per line of standard input, one JSON answer per line of standard output."""
import importlib
import json
import sys
import threading
import traceback
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

from uuid import UUID

from celery import chain, chord, group
from celery.result import AsyncResult, GroupResult

import errors  # noqa: F401: Celery finds only classes of modules that are loaded
from shop import make_app

app = make_app()
old = make_app(protocol=1)


def signature(spec):
    return app.signature(
        spec["task"], spec.get("args", []), spec.get("kwargs", {}), immutable=spec.get("immutable", False), **spec.get("options", {})
    )


def described(error):
    kind = type(error)
    return {"type": kind.__name__, "module": kind.__module__, "args": list(error.args), "text": str(error)}


def send(task, args=(), kwargs=None, protocol=2, **options):
    for name in ("eta", "expires"):
        if isinstance(options.get(name), str):
            options[name] = datetime.fromisoformat(options[name])
    for name in ("link", "link_error"):
        if name in options:
            options[name] = [signature(spec) for spec in options[name]]
    sender = app if protocol == 2 else old
    result = sender.send_task(task, args, kwargs or {}, **options)
    RESULTS[result.id] = result
    return result.id


def send_python(task, expression, **options):
    """Arguments that JSON of the test cannot say, as a Python expression."""
    names = {"datetime": datetime, "date": date, "time": time, "timezone": timezone, "timedelta": timedelta, "Decimal": Decimal, "UUID": UUID}
    return send(task, eval(expression, names), **options)


def repr_of(id, timeout=20):
    return repr(result_of(id).get(timeout=timeout))


def many(task, calls, **options):
    return [app.send_task(task, args, **options).id for args in calls]


RESULTS = {}
STATES = {}


def result_of(id):
    """Kept: what rpc:// has told once it does not tell again."""
    return RESULTS.setdefault(id, AsyncResult(id, app=app))


def get(id, timeout=20):
    result = result_of(id)
    value = result.get(timeout=timeout, propagate=False)
    answer = {"status": result.status, "traceback": result.traceback}
    return {**answer, "error": described(value)} if isinstance(value, Exception) else {**answer, "result": value}


def caught(id, module, name, timeout=20):
    """What `except module.name` catches; anything else is raised."""
    try:
        return {"result": result_of(id).get(timeout=timeout)}
    except getattr(importlib.import_module(module), name) as error:
        return described(error)


def watch(id, timeout=20):
    """Every state that arrives, until the end."""
    states = []
    result_of(id).get(timeout=timeout, on_message=lambda meta: states.append([meta["status"], meta["result"]]))
    return states


def get_many(ids, timeout=60):
    return [result_of(id).get(timeout=timeout) for id in ids]


def state(id):
    result = result_of(id)
    if app.conf.result_backend == "rpc://":
        return told(result)
    return {"status": result.status, "info": described(result.info) if isinstance(result.info, Exception) else result.info}


def told(result):
    """The last state on the way that has come by rpc:// so far."""
    app.backend.add_pending_result(result)
    consumer = app.backend.result_consumer
    consumer.on_message = lambda meta: STATES.update({meta["task_id"]: meta})
    try:
        consumer.drain_events(timeout=0.02)
    except TimeoutError:
        pass
    meta = app.backend.meta_from_decoded(dict(STATES.get(result.id, {"status": "PENDING", "result": None})))
    info = meta["result"]
    return {"status": meta["status"], "info": described(info) if isinstance(info, Exception) else info}


def children(id):
    return [child.id for child in result_of(id).children or []]


def run_chain(steps, **options):
    result = chain(*[signature(step) for step in steps]).apply_async(**options)
    ids = []
    while result is not None:
        ids.insert(0, result.id)
        result = result.parent
    return ids


def run_chord(header, body):
    return chord([signature(part) for part in header])(signature(body)).id


def canvas(spec):
    """One of {task, …}, {chain: […]}, {group: […]}, {chord: […], body: …}, nested."""
    if "chain" in spec:
        return chain(*[canvas(step) for step in spec["chain"]])
    if "group" in spec:
        return group([canvas(member) for member in spec["group"]])
    if "chord" in spec:
        return chord([canvas(member) for member in spec["chord"]], canvas(spec["body"]))
    return signature(spec)


def run_canvas(spec, **options):
    result = canvas(spec).apply_async(**options)
    RESULTS[result.id] = result
    return result.id


def run_chain_to_group(first, members):
    result = chain(signature(first), group([signature(member) for member in members])).apply_async()
    # Over rpc:// a result goes to the handle that waits for it first: the one in the group.
    RESULTS.update({member.id: member for member in result.children})
    return {"first": result.parent.id, "members": [member.id for member in result.children]}


def run_groups(first, middle, last):
    result = (group([signature(one) for one in first]) | signature(middle) | group([signature(one) for one in last])).apply_async()
    return {"last": [member.id for member in result.children], "middle": result.parent.id}


def save_group(calls):
    """The id of a group that Celery saves, and those of its members."""
    result = group(signature(one) for one in calls).apply_async()
    result.save()
    return [result.id, [one.id for one in result.results]]


def restore_group(id, timeout=20):
    """What the members of a saved group result in."""
    restored = GroupResult.restore(id, app=app)
    return None if restored is None else [restored.id, restored.get(timeout=timeout)]


def ping(timeout=1.0, destination=None, limit=None):
    return app.control.ping(destination=destination, timeout=timeout, limit=limit)


def broadcast(command, arguments, destination=None, timeout=1.0):
    return app.control.broadcast(command, arguments=arguments, reply=True, destination=destination, timeout=timeout)


def inspect(method, destination=None, timeout=1.0):
    return getattr(app.control.inspect(destination=destination, timeout=timeout), method)()


def revoke(id, **options):
    return app.control.revoke(id, **options)


def declare_exchanges():
    """On Redis kombu takes an exchange that its connection did not declare for a direct one."""
    with app.producer_or_acquire() as producer:
        for queue in app.amqp.queues.values():
            queue.exchange(producer.channel).declare()


def fold(events, now):
    """The state that Celery makes of these events; the clock of the receiver is the time of each event."""
    from celery.events.state import State

    cluster = State()
    for event in events:
        cluster.event({**event, "local_received": event["timestamp"]})
    names = "state name args kwargs root_id parent_id retries eta expires result runtime exception traceback client".split()
    tasks = {
        id: {**{name: getattr(task, name) for name in names}, "worker": task.worker and task.worker.hostname}
        for id, task in cluster.tasks.items()
    }
    alive = [name for name, worker in cluster.workers.items() if worker.heartbeats and now < worker.heartbeat_expires]
    return {"tasks": tasks, "alive": sorted(alive), "workers": sorted(cluster.workers)}


SEEN = []


def capture():
    """Receive the events of the cluster from now on, as Celery's own tools do."""
    from celery.events.receiver import EventReceiver

    ready = threading.Event()

    class Receiver(EventReceiver):
        def on_consume_ready(self, *args, **kwargs):
            ready.set()

    def receive():
        receiving = make_app()
        with receiving.connection_for_read() as connection:
            Receiver(connection, handlers={"*": SEEN.append}, app=receiving).capture(wakeup=False)

    threading.Thread(target=receive, daemon=True).start()
    return ready.wait(20)


def captured():
    return list(SEEN)


COMMANDS = {
    name: globals()[name]
    for name in "send send_python repr_of many get caught watch get_many state children run_chain run_chord run_canvas run_chain_to_group run_groups save_group restore_group ping broadcast inspect revoke declare_exchanges fold capture captured".split()
}

print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    given = json.loads(line)
    try:
        answer = {"value": COMMANDS[given["command"]](**given["arguments"])}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
    print(json.dumps(answer, default=repr), flush=True)
