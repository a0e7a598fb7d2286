import type { ComponentType } from 'preact'
import type { AbilitiesDocument } from '../../protocol/meDocument.ts'
import { Call } from '../pages/call/call.tsx'
import { CallTask } from '../pages/call/callTask.tsx'
import { DeadLetter } from '../pages/dead/deadLetter.tsx'
import { DeadLetters } from '../pages/dead/deadLetters.tsx'
import { Failure } from '../pages/failures/failure.tsx'
import { Failures } from '../pages/failures/failures.tsx'
import { Health } from '../pages/health/health.tsx'
import { Job } from '../pages/job/job.tsx'
import { Jobs } from '../pages/jobs/jobs.tsx'
import { Overview } from '../pages/overview/overview.tsx'
import { Queue } from '../pages/queues/queue.tsx'
import { Queues } from '../pages/queues/queues.tsx'
import { Schedule } from '../pages/schedules/schedule.tsx'
import { Schedules } from '../pages/schedules/schedules.tsx'
import { Worker } from '../pages/workers/worker.tsx'
import { Workers } from '../pages/workers/workers.tsx'
import { Workflow } from '../pages/workflows/workflow.tsx'
import { Workflows } from '../pages/workflows/workflows.tsx'

/** One page. */
export interface Route {
  /** First segment of its path; `''`: the first page. */
  readonly name: string
  readonly title: string
  /** In the navigation, reached by `g` and this key. */
  readonly key: string
  /** Who may not do this sees why instead of the page. */
  readonly needs?: keyof AbilitiesDocument
  readonly all: ComponentType
  /** Of a page about one thing, as `#/jobs/ID`. */
  readonly one?: ComponentType<{ readonly id: string }>
}

/** In the order of the navigation. */
export const ROUTES: readonly Route[] = [
  { name: '', title: 'Overview', key: 'o', all: Overview },
  { name: 'jobs', title: 'Jobs', key: 'j', all: Jobs, one: Job },
  { name: 'workflows', title: 'Workflows', key: 'f', needs: 'record', all: Workflows, one: Workflow },
  { name: 'queues', title: 'Queues', key: 'q', needs: 'see', all: Queues, one: Queue },
  { name: 'dead', title: 'Dead letters', key: 'd', all: DeadLetters, one: DeadLetter },
  { name: 'workers', title: 'Workers', key: 'w', needs: 'see', all: Workers, one: Worker },
  { name: 'schedules', title: 'Schedules', key: 's', needs: 'see', all: Schedules, one: Schedule },
  { name: 'failures', title: 'Failures', key: 'x', needs: 'record', all: Failures, one: Failure },
  { name: 'health', title: 'Health', key: 'h', needs: 'see', all: Health },
  { name: 'call', title: 'Call a task', key: 'c', all: Call, one: CallTask },
]
