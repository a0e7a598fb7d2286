# What the tutorial's app.py does with a job, for one job: prints each new state with its progress, then how the picture begins.
# State and result are read at once; the tutorial's `job.state` and `job.result` may be of two moments.
import json
import time

import tasks

job = tasks.get_data_from_strava.delay()
last = None
while last != ['SUCCESS', 1.0]:
    meta = tasks.CELERY.backend.get_task_meta(job.id, cache=False)
    state, result = meta['status'], meta['result']
    progress = [state, result['current'] if state == 'PROGRESS' else 1.0 if state == 'SUCCESS' else None]
    if progress != last:
        print(json.dumps(progress), flush=True)
    last = progress
    time.sleep(0.02)
print(json.dumps(job.get()[:8].decode('latin1')))
