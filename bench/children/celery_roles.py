"""One process that works with Python's Celery: does what its order says and writes its answers as lines of JSON."""

import json
import mmap
import os
import resource
import signal
import subprocess
import sys
import time

import amqp
import celery
import kombu
import redis
from celery import Celery, chain, chord, group, signals

BROKER = os.environ["BENCH_BROKER_URL"]
BACKEND = os.environ["BENCH_BACKEND_URL"]
REPLIES = "bench.replies"
# How often the parent of a worker looks at the ledger, s.
LOOK_EVERY = 0.005
app = Celery("bench", broker=BROKER, backend=BACKEND)
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=4, broker_pool_limit=10)
if BROKER.startswith("amqp"):
    app.conf.broker_transport_options = {"confirm_publish": True}


def open_ledger(path):
    """A byte for each task, shared by all processes of the worker and its parent: how often it has run."""
    if not path:
        return None
    with open(path, "r+b") as file:
        return mmap.mmap(file.fileno(), 0)


LEDGER = open_ledger(os.environ.get("BENCH_LEDGER"))


def mark(task):
    if LEDGER:
        LEDGER[task] += 1


@app.task(name="bench.noop")
def noop(task):
    mark(task)


def spent():
    """Processor time of this thread, s: by the system call that Node has, which is exact to some ms."""
    usage = resource.getrusage(resource.RUSAGE_THREAD)
    return usage.ru_utime + usage.ru_stime


@app.task(name="bench.pooled")
def pooled(task, cpu, wait):
    mark(task)
    begun = spent()
    while spent() - begun < cpu / 1000:
        pass
    time.sleep(wait / 1000)


@app.task(name="bench.echo")
def echo(task):
    mark(task)
    return task


@app.task(name="bench.step")
def step(before, task):
    mark(task)
    return before + 1


@app.task(name="bench.sum")
def add_up(values, task):
    mark(task)
    return sum(values)


@signals.worker_ready.connect
def ready(**_):
    say("ready")


def say(message):
    # A worker takes sys.stdout for its log.
    print("bench: " + json.dumps(message), file=sys.__stdout__, flush=True)


class Pace:
    """Counts the tasks of a process and says what the cold ones and the warm ones cost."""

    def __init__(self, order, cpu):
        self.order, self.cpu = order, cpu
        self.phase, self.total, self.limit = "waiting", 0, order.get("tasks")

    def begin(self):
        say("begin")
        self.enter("cold")

    def enter(self, phase):
        self.phase, self.before = phase, self.total
        self.cpu_before, self.start = self.cpu(), time.perf_counter()

    def reach(self, total):
        self.total = total
        if self.phase == "over" or total == self.before:
            return
        seconds, window = time.perf_counter() - self.start, self.order["window"]
        if self.phase == "cold" and (total >= self.order["cold"] or seconds >= window / 2):
            self.report(seconds)
            self.enter("warm")
        elif self.phase == "warm" and (seconds >= window or total == self.limit):
            self.report(seconds)
            self.phase = "over"

    def report(self, seconds):
        cpu = self.cpu() - self.cpu_before
        say({"tasks": self.total - self.before, "seconds": seconds, "cpuMicroseconds": 1e6 * cpu})


def enqueue(order):
    with app.producer_or_acquire() as producer:
        producer.connection.ensure_connection()
    pace = Pace(order, time.process_time)
    pace.begin()
    while pace.phase != "over":
        noop.delay(pace.total)
        pace.reach(pace.total + 1)
    say({"tasks": pace.total})


def pending(order, task):
    """A task as it is ordered: one that computes or waits, else one that does nothing."""
    if "slots" not in order:
        return noop.s(task)
    return pooled.s(order.get("first", 0) + task, order.get("cpu", 0), order.get("wait", 0))


def fill(order):
    if BACKEND == "rpc://":
        # A queue that stays when this process ends.
        with app.connection() as connection:
            connection.default_channel.queue_declare(REPLIES, durable=True, auto_delete=False)
    options = {"reply_to": REPLIES} if BACKEND == "rpc://" else {}
    with app.producer_or_acquire() as producer:
        for task in range(order["tasks"]):
            pending(order, task).apply_async(producer=producer, **options)
    say("filled")


def start_worker(order, out):
    path = order.get("ledger", "")
    if path:
        with open(path, "wb") as file:
            file.truncate(order["tasks"])
    slots = str(order.get("slots", 2))
    command = ["-m", "celery", "-A", "celery_roles", "worker", "-P", "prefork", "-c", slots, "-l", "ERROR"]
    if order.get("taskEvents"):
        command.append("--task-events")
    if "recycle" in order:
        command += ["--max-tasks-per-child", str(order["recycle"])]
    here = os.path.dirname(os.path.abspath(__file__))
    env = {**os.environ, "BENCH_LEDGER": path}
    return subprocess.Popen([sys.executable, *command], stdout=out, cwd=here, env=env, start_new_session=True)


def stop_worker(worker):
    """A warm shutdown does not always come to its end."""
    worker.terminate()
    try:
        worker.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def drain(order):
    worker = start_worker(order, subprocess.DEVNULL)
    ledger = open_ledger(order["ledger"])
    pace = Pace(order, lambda: cpu_of(worker.pid))

    def done():
        return len(ledger) - ledger[:].count(0)

    while not done():
        time.sleep(LOOK_EVERY)
    pace.begin()
    while pace.total < order["tasks"]:
        time.sleep(LOOK_EVERY)
        pace.reach(done())
    if pace.phase != "over":
        sys.exit(f"expected warm tasks, got {order['tasks']} done while the process was cold")
    # The parent looks whether all have been acknowledged: a worker that is stopped before loses some.
    say({"tasks": pace.total})
    sys.stdin.read()
    stop_worker(worker)


def work(order):
    worker = start_worker(order, sys.stdout)
    sys.stdin.read()
    stop_worker(worker)


def idle(order):
    worker = start_worker(order, subprocess.PIPE)
    for line in worker.stdout:
        if line.startswith(b"bench: "):
            break
    time.sleep(order["settle"])
    say("begin")
    time.sleep(order["window"])
    say({"tasks": 0})
    stop_worker(worker)


def ask(order):
    trips, calls = [], 0
    while calls < order["warmup"]:
        pending(order, calls).delay().get(timeout=30)
        calls += 1
    cpu, begun = time.process_time(), time.perf_counter()
    while time.perf_counter() - begun < order["window"]:
        start = time.perf_counter()
        pending(order, calls).delay().get(timeout=30)
        trips.append(1000 * (time.perf_counter() - start))
        calls += 1
        time.sleep(order["pause"] / 1000)
    cost = {"seconds": time.perf_counter() - begun, "cpuMicroseconds": 1e6 * (time.process_time() - cpu)}
    say({"roundTrips": sorted(trips), "calls": calls, "tasks": len(trips), **cost})


def send_group(numbers):
    sent = group(echo.s(task) for task in numbers).apply_async()
    return lambda: sum(sent.get(timeout=300))


def send_chord(numbers):
    sent = chord((echo.s(task) for task in numbers), add_up.s(numbers.stop)).apply_async()
    return lambda: sent.get(timeout=300)


def send_chain(numbers):
    first, *rest = numbers
    sent = chain(step.s(0, first), *(step.s(task) for task in rest)).apply_async()
    return lambda: sent.get(timeout=300)


FLOWS = {"group": send_group, "chord": send_chord, "chain": send_chain}


def flow(order):
    kind, size = order["kind"], order["size"]
    tasks = size + 1 if kind == "chord" else size
    sent, ended = [], []

    def one(number):
        first = order["first"] + number * tasks
        start = time.perf_counter()
        end = FLOWS[kind](range(first, first + size))
        sent.append(1000 * (time.perf_counter() - start))
        total = end()
        ended.append(1000 * (time.perf_counter() - start))
        expected = size if kind == "chain" else sum(range(first, first + size))
        if total != expected:
            sys.exit(f"{kind} of {size} from {first}: expected {expected}, got {total}")

    workflows = order["warmup"]
    for number in range(workflows):
        one(number)
    sent, ended = [], []
    say("begin")
    cpu, begun = time.process_time(), time.perf_counter()
    while not ended or time.perf_counter() - begun < order["window"]:
        one(workflows)
        workflows += 1
    cost = {"seconds": time.perf_counter() - begun, "cpuMicroseconds": 1e6 * (time.process_time() - cpu)}
    measured = {"sent": sorted(sent), "ended": sorted(ended), "tasks": len(ended) * tasks}
    say({"workflows": workflows, **measured, **cost})


def version(_):
    packages = f"kombu {kombu.__version__}, py-amqp {amqp.__version__}, redis-py {redis.__version__}"
    say(f"celery {celery.__version__}, {packages}")


def cpu_of(pid):
    """Processor time of a process and its children, s."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        children = file.read().split()
    ticks = int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK") + sum(cpu_of(child) for child in children)


def main(order):
    roles = {"version": version, "enqueue": enqueue, "fill": fill, "drain": drain, "work": work, "idle": idle}
    roles |= {"ask": ask, "flow": flow}
    roles[order["role"]](order)
    if order["role"] not in ("work", "drain"):
        sys.stdin.read()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
