import { createInterface } from 'node:readline/promises'
import type { App } from '../../app/app.ts'
import { ConfigError } from '../../std/errors.ts'
import { type AppOptions, withApp } from '../loadApp.ts'
import { messages, purgeQueues } from '../purgeQueues.ts'

export interface PurgeCommandOptions extends AppOptions {
  queues?: string[]
  force?: boolean
}

/** `celeriac purge`: drops what waits. Asks first at a terminal; elsewhere it wants `--force`. */
export async function purge(options: PurgeCommandOptions): Promise<void> {
  if (!options.force && !process.stdin.isTTY) {
    throw new ConfigError('purge: expected --force (-f), as there is no terminal to ask at')
  }
  await withApp(options, async (app) => {
    const queues = options.queues ?? [app.config.queue]
    if (!options.force && !(await confirmed(app, queues))) {
      process.stderr.write('nothing was dropped\n')
      return
    }
    await purgeQueues(app, queues)
  })
}

async function confirmed(app: App, queues: readonly string[]): Promise<boolean> {
  const sizes = await Promise.all(queues.map((queue) => app.queueSize(queue)))
  const lines = queues.map((queue, index) => `${queue} (${messages(sizes[index] as number)} waiting)`)
  const question = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await question.question(`Drop all of ${lines.join(', ')}, and what is delayed there? [y/N] `)
    return /^y(es)?$/i.test(answer.trim())
  } catch (error) {
    // Ctrl-C or Ctrl-D in place of an answer.
    if (!(error instanceof Error && error.name === 'AbortError')) throw error
    process.stderr.write('\n')
    return false
  } finally {
    question.close()
  }
}
