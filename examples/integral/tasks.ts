import { Celeriac } from 'celeriac'
import { z } from 'zod'
import { goBehind } from './priority.ts'
import { IntegralInput } from './request.ts'
import { estimate } from './sampling.ts'

/*
 * The task and nothing else: every thread of the pool, the shell and whoever sends the task load this module.
 */

/** Results are kept for a week. INTEGRAL_LEASE says how long a silent worker keeps its tasks, as `5s`; default 30 s. */
export const app = new Celeriac({
  name: 'integral',
  broker: 'sqlite:.celeriac/integral.db',
  resultExpires: '7d',
  lease: process.env.INTEGRAL_LEASE || '30s',
})

/** The integral of `f` over [a, b], by sampling. On the wire: `integrate`, with the six fields by name or in this order. */
export const integrate = app.task({
  name: 'integrate',
  description:
    'Integral of f over [a, b]: the share of random points of [a, b] x [c, d] that lie under f, times the area',
  input: IntegralInput,
  params: ['f', 'a', 'b', 'c', 'd', 'size'],
  output: z.number(),
  progress: z.number().min(0).max(1).describe('share of the points drawn so far'),
  timeLimit: '15m',
  trackStarted: true,
  run(integral, ctx) {
    goBehind()
    return estimate(integral, { signal: ctx.signal, onProgress: (share) => ctx.progress(share) })
  },
})
