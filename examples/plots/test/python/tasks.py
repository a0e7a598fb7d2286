# The tutorial's tasks.py, but for the figure: its picture is one white pixel.
import base64
import os
import time

from celery import Celery, current_task

CELERY = Celery('tasks', backend=os.environ['RESULT_BACKEND'], broker=os.environ['BROKER_URL'])
CELERY.conf.accept_content = ['json', 'msgpack']
CELERY.conf.result_serializer = 'msgpack'

PNG = base64.b64decode(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=='
)


@CELERY.task()
def get_data_from_strava():
    current_task.update_state(state='PROGRESS', meta={'current': 0.1})
    time.sleep(1)
    current_task.update_state(state='PROGRESS', meta={'current': 0.8})
    return PNG
