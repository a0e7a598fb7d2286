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

/** One file for all of them: small pages compress well together. */
const pages = () => import('../pages/pages.ts')

/** In the order of the navigation. */
export const ROUTES: readonly Route[] = [
  {
    name: '',
    title: 'Overview',
    key: 'o',
    load: async () => (await pages()).Overview,
  },
  {
    name: 'jobs',
    title: 'Jobs',
    key: 'j',
    load: async () => (await pages()).Jobs,
    loadOne: async () => (await pages()).Job,
  },
  {
    name: 'workflows',
    title: 'Workflows',
    key: 'f',
    load: async () => (await pages()).Workflows,
    loadOne: async () => (await pages()).Workflow,
  },
  {
    name: 'queues',
    title: 'Queues',
    key: 'q',
    load: async () => (await pages()).Queues,
    loadOne: async () => (await pages()).Queue,
  },
  {
    name: 'dead',
    title: 'Dead letters',
    key: 'd',
    load: async () => (await pages()).DeadLetters,
    loadOne: async () => (await pages()).DeadLetter,
  },
  {
    name: 'workers',
    title: 'Workers',
    key: 'w',
    load: async () => (await pages()).Workers,
    loadOne: async () => (await pages()).Worker,
  },
  {
    name: 'schedules',
    title: 'Schedules',
    key: 's',
    load: async () => (await pages()).Schedules,
    loadOne: async () => (await pages()).Schedule,
  },
  {
    name: 'failures',
    title: 'Failures',
    key: 'x',
    load: async () => (await pages()).Failures,
    loadOne: async () => (await pages()).Failure,
  },
  { name: 'health', title: 'Health', key: 'h', load: async () => (await pages()).Health },
  {
    name: 'call',
    title: 'Call a task',
    key: 'c',
    load: async () => (await pages()).Call,
    loadOne: async () => (await pages()).CallTask,
  },
]
