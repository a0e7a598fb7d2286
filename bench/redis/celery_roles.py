"""One process that works with Python's Celery: does what its order says and writes the figures as a line of JSON."""

import json
import os
import signal
import subprocess
import sys
import time
from urllib.parse import urlsplit

import amqp
import celery
import kombu
import redis
from celery import Celery, signals

BROKER = os.environ["BENCH_BROKER_URL"]
BACKEND = os.environ["BENCH_BACKEND_URL"]
REPLIES = "bench.replies"
app = Celery("bench", broker=BROKER, backend=BACKEND)
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=4, broker_pool_limit=10)
if BROKER.startswith("amqp"):
    app.conf.broker_transport_options = {"confirm_publish": True}


@app.task(name="bench.noop")
def noop():
    return None


@signals.worker_ready.connect
def ready(**_):
    say("ready")


def say(message):
    # A worker takes sys.stdout for its log.
    print("bench: " + json.dumps(message), file=sys.__stdout__, flush=True)


def enqueue(order):
    noop.delay()
    cpu, start = time.process_time(), time.perf_counter()
    for _ in range(order["tasks"]):
        noop.delay()
    return cost(order["tasks"], time.perf_counter() - start, time.process_time() - cpu)


def fill(order):
    if BACKEND == "rpc://":
        # A queue that stays when this process ends.
        with app.connection() as connection:
            connection.default_channel.queue_declare(REPLIES, durable=True, auto_delete=False)
        for _ in range(order["tasks"]):
            noop.apply_async(reply_to=REPLIES)
    else:
        for _ in range(order["tasks"]):
            noop.delay()
    return "filled"


def start_worker(out):
    command = ["-m", "celery", "-A", "celery_roles", "worker", "-P", "prefork", "-c", "2", "-l", "ERROR"]
    here = os.path.dirname(os.path.abspath(__file__))
    return subprocess.Popen([sys.executable, *command], stdout=out, cwd=here, start_new_session=True)


def stop_worker(worker):
    """A warm shutdown does not always come to its end."""
    worker.terminate()
    try:
        worker.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


class RedisCount:
    """Results by their keys."""

    def __init__(self):
        address = urlsplit(BACKEND)
        self.client = redis.Redis(address.hostname, address.port)
        # The key of the message list is there until the last task is taken.
        self.others = 1 if BROKER == BACKEND else 0

    def reached(self, count):
        return self.client.dbsize() >= count + self.others

    def exact(self):
        return len(self.client.keys("celery-task-meta-*"))

    def settled(self):
        return not (self.client.hlen("unacked") or self.client.llen("celery"))


class ReplyCount:
    """Results by the messages in the queue of replies."""

    def __init__(self):
        self.channel = app.connection().default_channel

    def exact(self):
        return self.channel.queue_declare(REPLIES, passive=True).message_count

    def reached(self, count):
        return self.exact() >= count

    def settled(self):
        return True


def drain(order):
    count = ReplyCount() if BACKEND == "rpc://" else RedisCount()
    worker = start_worker(subprocess.DEVNULL)

    def wait(condition):
        while not condition():
            time.sleep(0.002)

    wait(lambda: count.reached(order["warmup"]))
    cpu, start, first = cpu_of(worker.pid), time.perf_counter(), count.exact()
    wait(lambda: count.reached(order["warmup"] + order["tasks"]))
    wait(count.settled)
    tasks = count.exact() - first
    measured = cost(tasks, time.perf_counter() - start, cpu_of(worker.pid) - cpu)
    stop_worker(worker)
    return measured


def work():
    worker = start_worker(sys.stdout)
    sys.stdin.read()
    stop_worker(worker)


def ask(order):
    trips = []
    for _ in range(order["warmup"]):
        noop.delay().get(timeout=30)
    for _ in range(order["tasks"]):
        start = time.perf_counter()
        noop.delay().get(timeout=30)
        trips.append(1000 * (time.perf_counter() - start))
        time.sleep(order["pause"] / 1000)
    return sorted(trips)


def cost(tasks, seconds, cpu):
    return {"tasks": tasks, "seconds": seconds, "cpuMicroseconds": 1e6 * cpu / tasks}


def cpu_of(pid):
    """Processor time of a process and its children, s."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        children = file.read().split()
    ticks = int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK") + sum(cpu_of(child) for child in children)


def main(order):
    role = order["role"]
    if role == "version":
        say(f"celery {celery.__version__}, kombu {kombu.__version__}, py-amqp {amqp.__version__}, redis-py {redis.__version__}")
    elif role == "worker":
        work()
    else:
        say({"enqueue": enqueue, "fill": fill, "drain": drain, "ask": ask}[role](order))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
