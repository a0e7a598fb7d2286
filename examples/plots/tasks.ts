import { setTimeout as sleep } from 'node:timers/promises'
import { Celeriac } from 'celeriac'
import { z } from 'zod'
import { drawFigure, toPng } from './plot.ts'
import { randomSeries } from './series.ts'

/*
 * The tasks and nothing else: the service sends them, each thread of the worker loads this module and runs them.
 */

/**
 * BROKER_URL and RESULT_BACKEND say where tasks wait and results are kept. A picture is bytes, which JSON has no word for: results are
 * MessagePack. PLOTS_LEASE says how long a silent worker keeps its tasks, as `5s`; default 30 s.
 */
export const app = new Celeriac({
  name: 'plots',
  broker: process.env.BROKER_URL || 'sqlite:.celeriac/plots.db',
  backend: process.env.RESULT_BACKEND || undefined,
  resultSerializer: 'msgpack',
  accept: ['json', 'msgpack'],
  lease: process.env.PLOTS_LEASE || '30s',
})

/** What it takes to ask Strava, ms; PLOTS_SECONDS says otherwise. Nobody is asked: the values are random. */
const ASKING = secondsOf(process.env.PLOTS_SECONDS || '2') * 1000
const DAYS = 10

/** A picture of ten values, as PNG. Says how far it is: state PROGRESS with `{ current }`, from 0 to 1. */
export const getDataFromStrava = app.task({
  name: 'tasks.get_data_from_strava',
  description: 'A time series of ten random values as a PNG image',
  input: z.strictObject({}),
  output: z.instanceof(Uint8Array),
  progress: z.object({ current: z.number().min(0).max(1) }),
  contentType: 'image/png',
  timeLimit: '1m',
  async run(_, ctx) {
    await ctx.updateState('PROGRESS', { current: 0.1 })
    await sleep(ASKING, undefined, { signal: ctx.signal })
    await ctx.updateState('PROGRESS', { current: 0.3 })
    const series = randomSeries(new Date(), DAYS)
    await ctx.updateState('PROGRESS', { current: 0.5 })
    const figure = drawFigure(series)
    await ctx.updateState('PROGRESS', { current: 0.8 })
    return toPng(figure)
  },
})

function secondsOf(text: string): number {
  const seconds = Number(text)
  if (seconds >= 0 && seconds <= 30) return seconds
  throw new RangeError(`PLOTS_SECONDS: expected a number of seconds, from 0 to 30, got ${text}`)
}
