"""An asynchronous REST API by Flask and Celery, as tutorials have it; only the server and the time that the task takes are given."""

import os
import time

from celery import Celery
from flask import Flask, jsonify, make_response

app = Flask(__name__)

celery = Celery(
    "async_tasks",
    broker=os.environ["BENCH_URL"],
    backend=os.environ["BENCH_URL"],
    task_ignore_result=False,
    task_track_started=True,
)


@celery.task(bind=True, name="async_tasks.long_running_task", task_acks_late=True)
def async_long_running_task(self):
    time.sleep(float(os.environ["BENCH_SECONDS"]))
    return f"done long-running task {self.request.id}"


@app.route("/async_long_running_task", methods=["POST"])
def submit_task_to_taskQueue():
    task = async_long_running_task.delay()
    return make_response(jsonify({"task_id": task.id}), 202)


@app.route("/async_long_running_task/<task_id>")
def check_task_status(task_id):
    task = async_long_running_task.AsyncResult(task_id)
    return make_response(jsonify({"task_status": task.status}), 200)
