import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { project, run, runShared, startWorker } from './harness.ts'

test('inspect and control: answers, JSON, destinations, and exit code 69 where no worker replies', async () => {
  const cwd = project()
  const ask = (...args: string[]) => runShared(cwd, [...args, '-A', 'tasks.ts'])
  mkdirSync(join(cwd, 'profiles'))
  await startWorker(cwd, '-n', 'ours@test', '--profile-folder', join(cwd, 'profiles'))
  const named = ['-d', 'ours@test', '-t', '10']
  expect(await ask('inspect', 'ping', ...named)).toMatchObject({
    code: 0,
    stdout: '->  ours@test: OK\n        pong\n\n1 node online.\n',
  })
  const json = await run(cwd, ['inspect', 'active', '-j', ...named, '-A', 'tasks.ts'])
  expect([json.code, JSON.parse(json.stdout)]).toEqual([0, { 'ours@test': [] }])
  expect((await ask('control', 'pool_grow', '2', ...named)).stdout).toContain('pool will grow')
  expect(await ask('inspect', 'ping', '-d', 'other@test', '-t', '0.1')).toMatchObject({
    code: 69,
    stdout: '',
    stderr: 'celeriac: no worker replied within 0.1 s\n',
  })
  expect(await ask('inspect', 'shutdown')).toMatchObject({
    code: 2,
    stderr: 'celeriac: inspect: shutdown is a command of celeriac control\n',
  })
  expect(await ask('inspect', 'where', '-d', 'other@test')).toMatchObject({
    code: 69,
    stderr: 'celeriac: no worker replied within 3 s\n',
  })
  const profiled = await ask('control', 'profile', 'ours@test', '--seconds', '1')
  expect([profiled.code, profiled.stderr]).toEqual([0, ''])
  const [, path = ''] = /profile of 1 s written to (.+[.]cpuprofile)/.exec(profiled.stdout) ?? []
  expect(dirname(path)).toBe(join(cwd, 'profiles'))
  expect(await ask('control', 'quiet', '--slot', '1')).toMatchObject({
    code: 2,
    stderr: 'celeriac: quiet: --seconds and --slot are for celeriac control profile\n',
  })
  expect((await runShared(cwd, ['control', '--help'])).stdout).toMatch(/add_consumer .*rate_limit /s)
})
