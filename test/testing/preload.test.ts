import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const SRC = fileURLToPath(new URL('../../src', import.meta.url))
/** Rooms whose code runs while the clock of a test stands still. `stores/open.ts` does not: a test has stores of its own. */
const FILES = [
  'celeriac.ts',
  '{app,beat,calls,canvas,tasks}/**/*.ts',
  'worker/{limits,task}/**/*.ts',
  'stores/*.ts',
  'stores/memory/backend.ts',
]
/**
 * Of transactions of the caller's database, a codec and a payload store, which no test store has; of the eager mode, which
 * has no worker; of the option taskSentEvents.
 */
const OTHERS = [
  'stores/open.ts',
  'stores/transactions.ts',
  'calls/jobs/completeWithin.ts',
  'worker/task/completion.ts',
  'codec/sealedStores.ts',
  'payloads/openPayloads.ts',
  'worker/task/input.ts',
  'app/eagerWorkflow.ts',
  'events/sentEvents.ts',
]

/** What a file loads later, by path from `src/`. */
function loadedLater(file: string): string[] {
  const text = readFileSync(join(SRC, file), 'utf8')
  return [...text.matchAll(/(?<!typeof )import\('([^']+)'\)/g)].map(([, path = '']) =>
    relative(SRC, join(SRC, dirname(file), path)),
  )
}

test('what a worker, a beat and calls load at their first use is loaded before the clock of a test begins', () => {
  const files = FILES.flatMap((pattern) => globSync(pattern, { cwd: SRC })).filter((file) => !OTHERS.includes(file))
  const later = new Set(files.flatMap(loadedLater).filter((path) => !OTHERS.includes(path)))
  expect([...later].sort()).toEqual(loadedLater('testing/app/preload.ts').sort())
})
