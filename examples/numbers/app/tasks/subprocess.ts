import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TaskContext } from 'celeriac'
import { INPUT_FILES, SERVER } from '../../config/settings.ts'
import type { Claim } from '../models/numbers.ts'

/** The programs in processings/. */
export type Processing = 'sum' | 'mul'

/** Run a processing over numbers, to its end: it reads them from a file. Throws when it fails; a task that is to stop ends it. */
export async function runProcessing(processing: Processing, claim: Claim, { id, signal }: TaskContext): Promise<void> {
  await mkdir(INPUT_FILES, { recursive: true })
  // Named by the task: when that is run again, it writes the same file.
  const file = join(INPUT_FILES, `${encodeURIComponent(id)}.json`)
  await writeFile(file, JSON.stringify(claim))
  const program = fileURLToPath(new URL(`../../processings/${processing}.ts`, import.meta.url))
  try {
    // Over the channel it learns that the worker has been killed, and ends, too: its task is then another worker's.
    const child = spawn(process.execPath, [program, file], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, NUMBERS_URL: SERVER },
      signal,
    })
    const [code, killed] = await once(child, 'exit')
    if (code !== 0) throw new Error(`processings/${processing} ended with ${killed ?? `exit code ${code}`}`)
  } finally {
    await rm(file, { force: true })
  }
}
