import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const PYTHON = '/usr/bin/python3'

/** What stands in the first columns of the tables, as code: `task_routes`, or a namespace, `s3_*`. */
const NAMED = new Set(
  readFileSync(join(import.meta.dirname, '../../docs/celery-options.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].flatMap(([, name]) => name ?? [])),
)

async function python(code: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)(PYTHON, ['-c', code], { timeout: 30_000 })
  return stdout.trim().split('\n')
}

/** Names of settings are given in full, by their namespace, or, after the first of a row, by their end: `…_level`. */
function isNamed(setting: string): boolean {
  if (NAMED.has(setting) || NAMED.has(`${setting.split('_')[0]}_*`)) return true
  return [...NAMED].some((name) => name.startsWith('…') && setting.endsWith(name.slice(1)))
}

test('each setting of Celery stands in the table', async () => {
  const settings = await python(
    'from celery.app.defaults import NAMESPACES, flatten\nfor name, _ in flatten(NAMESPACES): print(name)',
  )
  expect(settings.length).toBeGreaterThan(150)
  expect(settings.filter((name) => !isNamed(name))).toEqual([])
})

test('each option of its worker stands in the table', async () => {
  const printed = await python(
    'from celery.bin.worker import worker\nfor each in worker.params:\n  for name in each.opts: print(name)',
  )
  const options = printed.filter((name) => name.startsWith('-'))
  expect(options.length).toBeGreaterThan(40)
  expect(options.filter((name) => !NAMED.has(name))).toEqual([])
})
