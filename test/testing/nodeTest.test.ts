import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { Running } from '../cli/harness.ts'
import { folderWith } from '../docs/reader.ts'

const PAGE = fileURLToPath(new URL('../../docs/how-to/test-your-tasks.md', import.meta.url))

test('node:test runs the tests of the how-to', async () => {
  const text = await readFile(PAGE, 'utf8')
  const files = [...text.matchAll(/`([\w.]+\.ts)`[^`\n]*:\n\n```ts\n([\s\S]*?)^```$/gm)]
  const folder = folderWith(Object.fromEntries(files.map(([, name, code]) => [name, code])))
  const { code, stdout } = await new Running(process.execPath, [...process.execArgv, '--test'], folder).ended
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/pass 5\n/) })
})
