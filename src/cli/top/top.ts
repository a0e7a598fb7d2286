import { setTimeout as pause } from 'node:timers/promises'
import { Ending } from '../fleet/ending.ts'
import { requireEventBus } from '../fleet/eventBus.ts'
import { jsonText } from '../json.ts'
import { type AppOptions, withApp } from '../loadApp.ts'
import { Actions } from './actions.ts'
import { Gatherer } from './gatherer.ts'
import { LiveScreen } from './liveScreen.ts'
import { pageOf } from './screen.ts'
import { Terminal } from './terminal.ts'

export interface TopCommandOptions extends AppOptions {
  once?: boolean
  json?: boolean
  enableEvents?: boolean
}

/** How long workers have to answer where they are asked once, ms. */
const ONCE_TIMEOUT_MS = 1000
const COLUMNS = 80
/** How long it waits for answers that are on their way when it is left, ms. */
const LAST_ANSWERS_MS = 1000

/**
 * `celeriac top`: what a fleet does, on a screen that is drawn again each second; or once, as text or as JSON, where
 * there is no terminal for that.
 */
export async function top(options: TopCommandOptions): Promise<void> {
  const { stdin, stdout, env } = process
  const isLive = stdin.isTTY && stdout.isTTY && env.TERM !== 'dumb' && !options.once && !options.json
  // Log lines would be written over the screen, which says itself when the store does not answer.
  const { loglevel } = options
  await withApp({ ...options, loglevel: isLive ? 'silent' : loglevel }, async (app) => {
    requireEventBus(app, 'top')
    const gatherer = new Gatherer(app)
    await gatherer.start()
    try {
      const actions = new Actions(app, gatherer)
      if (isLive) await live(gatherer, actions, options)
      else await once(gatherer, actions, options)
    } finally {
      await gatherer.stop()
    }
  })
  // Where the store does not answer, a question to it may go on for a while.
  if (isLive) process.exit()
}

async function once(gatherer: Gatherer, actions: Actions, { enableEvents, json }: TopCommandOptions): Promise<void> {
  if (enableEvents) await actions.enableEvents().run()
  await gatherer.ask(ONCE_TIMEOUT_MS)
  const snapshot = gatherer.snapshot()
  const columns = process.stdout.columns || COLUMNS
  process.stdout.write(json ? `${jsonText(snapshot)}\n` : `${pageOf(snapshot, columns).join('\n')}\n`)
}

async function live(gatherer: Gatherer, actions: Actions, { enableEvents }: TopCommandOptions): Promise<void> {
  const ending = new Ending()
  const stop = new AbortController()
  const { stdin, stdout, env } = process
  const terminal = new Terminal(stdin, stdout, !env.NO_COLOR)
  const screen = new LiveScreen(gatherer, actions, terminal)
  const asking = (async () => {
    if (enableEvents) await actions.enableEvents().run()
    await gatherer.run(stop.signal)
  })()
  try {
    await screen.run(Promise.race([ending.promise, asking]))
  } finally {
    stop.abort()
    // A question that goes on would open the stores again after their end.
    await Promise.race([asking.catch(() => undefined), pause(LAST_ANSWERS_MS)])
    ending.release()
  }
}
