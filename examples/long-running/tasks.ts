import { Celeriac } from 'celeriac'
import { z } from 'zod'
import { TASK_TIME, work } from './work.ts'

/*
 * The task and nothing else: the server sends it, each thread of the worker loads this module and runs it.
 */

/**
 * BROKER_URL and RESULT_BACKEND say where tasks wait and results are kept. LONG_RUNNING_LEASE says how long a silent worker keeps its
 * tasks, as `5s`; default 30 s.
 */
export const app = new Celeriac({
  name: 'async_tasks',
  broker: process.env.BROKER_URL || 'sqlite:.celeriac/long-running.db',
  backend: process.env.RESULT_BACKEND || undefined,
  ignoreResult: false,
  trackStarted: true,
  lease: process.env.LONG_RUNNING_LEASE || '30s',
})

/** A long-running task in three parts of the same length: STARTED, then STEP 1, then STEP 2. */
export const asyncLongRunningTask = app.task({
  name: 'async_tasks.long_running_task',
  description: 'Takes its time',
  input: z.strictObject({}),
  output: z.string(),
  acksLate: true,
  async run(_, ctx) {
    work(TASK_TIME / 3)
    await ctx.updateState('STEP 1')
    work(TASK_TIME / 3)
    await ctx.updateState('STEP 2')
    work(TASK_TIME / 3)
    return `done long-running task ${ctx.id}`
  },
})
