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
const ONCE_TIMEOUT_MS = 1500
const COLUMNS = 80

/**
 * `celeriac top`: what a fleet does, on a screen that is drawn again each second; or once, as text or as JSON, where
 * there is no terminal for that.
 */
export async function top(options: TopCommandOptions): Promise<void> {
  await withApp(options, async (app) => {
    requireEventBus(app, 'top')
    const gatherer = new Gatherer(app)
    await gatherer.start()
    try {
      const actions = new Actions(app, gatherer)
      const { stdin, stdout, env } = process
      const isLive = stdin.isTTY && stdout.isTTY && env.TERM !== 'dumb' && !options.once && !options.json
      if (isLive) await live(gatherer, actions, options)
      else await once(gatherer, actions, options)
    } finally {
      await gatherer.stop()
    }
  })
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
    ending.release()
  }
}
