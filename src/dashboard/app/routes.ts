import type { ComponentType } from 'preact'

/** One page. Its code is loaded when it is opened first. */
export interface Route {
  /** First segment of its path; `''`: the first page. */
  readonly name: string
  readonly title: string
  /** In the navigation, reached by `g` and this key. */
  readonly key?: string
  /** Of a page about one thing, as `#/jobs/ID`. */
  readonly load: () => Promise<ComponentType>
  readonly loadOne?: () => Promise<ComponentType<{ readonly id: string }>>
}

/** In the order of the navigation. */
export const ROUTES: readonly Route[] = [
  {
    name: '',
    title: 'Overview',
    key: 'o',
    load: async () => (await import('../pages/overview/overview.tsx')).Overview,
  },
  {
    name: 'jobs',
    title: 'Jobs',
    key: 'j',
    load: async () => (await import('../pages/jobs/jobs.tsx')).Jobs,
    loadOne: async () => (await import('../pages/job/job.tsx')).Job,
  },
  {
    name: 'workflows',
    title: 'Workflows',
    key: 'f',
    load: async () => (await import('../pages/workflows/workflows.tsx')).Workflows,
    loadOne: async () => (await import('../pages/workflows/workflow.tsx')).Workflow,
  },
  {
    name: 'queues',
    title: 'Queues',
    key: 'q',
    load: async () => (await import('../pages/queues/queues.tsx')).Queues,
    loadOne: async () => (await import('../pages/queues/queue.tsx')).Queue,
  },
  {
    name: 'dead',
    title: 'Dead letters',
    key: 'd',
    load: async () => (await import('../pages/dead/deadLetters.tsx')).DeadLetters,
    loadOne: async () => (await import('../pages/dead/deadLetter.tsx')).DeadLetter,
  },
  {
    name: 'workers',
    title: 'Workers',
    key: 'w',
    load: async () => (await import('../pages/workers/workers.tsx')).Workers,
    loadOne: async () => (await import('../pages/workers/worker.tsx')).Worker,
  },
  {
    name: 'schedules',
    title: 'Schedules',
    key: 's',
    load: async () => (await import('../pages/schedules/schedules.tsx')).Schedules,
    loadOne: async () => (await import('../pages/schedules/schedule.tsx')).Schedule,
  },
  {
    name: 'failures',
    title: 'Failures',
    key: 'x',
    load: async () => (await import('../pages/failures/failures.tsx')).Failures,
    loadOne: async () => (await import('../pages/failures/failure.tsx')).Failure,
  },
  { name: 'health', title: 'Health', key: 'h', load: async () => (await import('../pages/health/health.tsx')).Health },
  {
    name: 'call',
    title: 'Call a task',
    key: 'c',
    load: async () => (await import('../pages/call/call.tsx')).Call,
    loadOne: async () => (await import('../pages/call/callTask.tsx')).CallTask,
  },
]
