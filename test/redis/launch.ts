import type { ChildProcessByStdio } from 'node:child_process'
import type { Readable } from 'node:stream'

/** Resolves when a server has written this, after which nothing is kept; rejects when it ends before, with what it wrote. */
export async function untilWritten(
  child: ChildProcessByStdio<null, Readable, Readable>,
  text: string,
  name: string,
): Promise<void> {
  let log = ''
  await new Promise<void>((resolve, reject) => {
    const hear = (chunk: Buffer): void => {
      log = (log + chunk).slice(-20_000)
      if (log.includes(text)) resolve()
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.once('error', reject)
    child.once('exit', (code, signal) => reject(new Error(`${name} ended (${signal ?? code})\n${log}`)))
  })
  for (const stream of [child.stdout, child.stderr]) stream.removeAllListeners('data').resume()
}
