import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { PollWatch } from '../../src/cli/pollWatch.ts'
import { project, start } from './harness.ts'

test('polling sees code that is written, made and removed, and nothing else', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-poll-'))
  mkdirSync(join(folder, 'lib'))
  mkdirSync(join(folder, 'node_modules'))
  writeFileSync(join(folder, 'tasks.ts'), '')
  writeFileSync(join(folder, 'lib/old.ts'), '')
  const changed: string[] = []
  const watch = new PollWatch(folder, (path) => changed.push(relative(folder, path)), 10)
  onTestFinished(() => {
    watch.close()
    rmSync(folder, { recursive: true })
  })
  writeFileSync(join(folder, 'report.json'), '{}')
  writeFileSync(join(folder, 'node_modules/x.js'), '')
  writeFileSync(join(folder, 'tasks.ts'), 'export {}')
  rmSync(join(folder, 'lib/old.ts'))
  mkdirSync(join(folder, 'new'))
  writeFileSync(join(folder, 'new/more.mts'), '')
  await vi.waitFor(() => expect([...new Set(changed)].sort()).toEqual(['lib/old.ts', 'new/more.mts', 'tasks.ts']), 5000)
})

/** Node without watches: what a machine at its limit answers. */
const NO_WATCH = `import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
fs.watch = (path) => { throw Object.assign(new Error(\`\${process.env.WATCH}: no space left, watch '\${path}'\`), { code: process.env.WATCH, syscall: 'watch' }) }
syncBuiltinESMExports()
`

test.each(['ENOSPC', 'EMFILE'])(
  'dev serves without reload where no watch can be had (%s), and says so',
  async (code) => {
    const folder = project()
    writeFileSync(join(folder, 'noWatch.mjs'), NO_WATCH)
    const env = { NODE_OPTIONS: `--import ${join(folder, 'noWatch.mjs')}`, WATCH: code }
    const dev = start(folder, ['dev', '--port', '0'], env)
    await dev.until(/ \.> try: /)
    expect(dev.stderr).toContain('celeriac: the code is not watched')
    expect(dev.stderr).toContain("--poll watches without the system's help")
    expect(dev.stderr).not.toMatch(/\n {4}at /)
    dev.child.kill('SIGTERM')
    expect((await dev.ended).code).toBe(0)
  },
)

test('dev --poll needs none, and starts anew', async () => {
  const folder = project()
  writeFileSync(join(folder, 'noWatch.mjs'), NO_WATCH)
  const env = { NODE_OPTIONS: `--import ${join(folder, 'noWatch.mjs')}`, WATCH: 'ENOSPC' }
  const dev = start(folder, ['dev', '--poll', '--port', '0'], env)
  await dev.until(/ \.> try: /)
  writeFileSync(join(folder, 'more.ts'), 'export const more = 1\n')
  await dev.until(/ \.> try: /, 2)
  expect(dev.stderr).toContain('celeriac: more.ts changed: restarting')
  dev.child.kill('SIGTERM')
  expect((await dev.ended).code).toBe(0)
})
