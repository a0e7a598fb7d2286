import { type Capture, EventReceiver } from '../../events/receiver.ts'
import { fnmatchGlob } from '../../std/glob.ts'
import { jsonText } from '../json.ts'
import { type AppOptions, withApp } from '../loadApp.ts'
import { Ending } from './ending.ts'
import { requireEventBus } from './eventBus.ts'
import { eventLine } from './eventLine.ts'

export interface EventsCommandOptions extends AppOptions {
  /** Types of events, with `*` and `?`. Default: all. */
  type?: string[]
  json?: boolean
}

/** How often it looks whether the broker is there, ms. */
const PROBLEM_CHECK_MS = 1000

/** `celeriac events`: each event on a line as it comes, until Ctrl-C, SIGTERM, or the end of the reader. */
export async function events(options: EventsCommandOptions): Promise<void> {
  await withApp(options, async (app) => {
    requireEventBus(app, 'events')
    const receiver = new EventReceiver(app)
    const capture = receiver.capture()
    const ending = new Ending()
    let checks: NodeJS.Timeout | undefined
    try {
      await receiver.start()
      process.stderr.write(`events of ${app.config.broker}: waiting for them; Ctrl-C ends\n`)
      checks = setInterval(outageCheck(receiver), PROBLEM_CHECK_MS)
      await Promise.race([write(receiver, capture, options), ending.promise])
    } finally {
      clearInterval(checks)
      await receiver.stop()
      ending.release()
    }
  })
}

async function write(receiver: EventReceiver, capture: Capture, { type, json }: EventsCommandOptions): Promise<void> {
  const globs = type?.map((pattern) => fnmatchGlob(pattern))
  let missed = 0
  for await (const event of capture) {
    if (globs && !globs.some((glob) => glob.matches(event.type))) continue
    const task = event.uuid === undefined ? undefined : receiver.cluster.tasks.get(event.uuid)
    const isTaken = process.stdout.write(`${json ? jsonText(event, 0) : eventLine(event, task)}\n`)
    if (!isTaken) await new Promise((resolve) => process.stdout.once('drain', resolve))
    if (capture.missed === missed) continue
    process.stderr.write(
      `celeriac: ${capture.missed - missed} events were dropped: the reader of the output is slower\n`,
    )
    missed = capture.missed
  }
}

/** Reports an outage once, and its end. */
function outageCheck(receiver: EventReceiver): () => void {
  let isDown = false
  return () => {
    const { problem } = receiver
    if (problem && !isDown) process.stderr.write(`celeriac: ${problem.message}; trying again\n`)
    if (!problem && isDown) process.stderr.write('celeriac: connected again; events sent meanwhile are lost\n')
    isDown = problem !== undefined
  }
}
