import type { ChildProcessByStdio } from 'node:child_process'
import type { Readable } from 'node:stream'
import { within } from '../wait.ts'

/** Longest time that a server takes to start, ms: RabbitMQ takes 4 s, and far more on a busy machine. */
const START_LIMIT = 80_000

/** Resolves when a server has written this, after which nothing is kept; rejects when it ends before, with what it wrote. */
export async function untilWritten(
  child: ChildProcessByStdio<null, Readable, Readable>,
  text: string,
  name: string,
): Promise<void> {
  let log = ''
  const written = new Promise<void>((resolve, reject) => {
    const hear = (chunk: Buffer): void => {
      log = (log + chunk).slice(-20_000)
      if (log.includes(text)) resolve()
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.once('error', reject)
    child.once('exit', (code, signal) => reject(new Error(`${name} ended (${signal ?? code})\n${log}`)))
  })
  await within(() => `${name} writes ${text}\n${log}`, written, START_LIMIT)
  for (const stream of [child.stdout, child.stderr]) stream.removeAllListeners('data').resume()
}
