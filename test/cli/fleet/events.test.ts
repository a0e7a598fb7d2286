import { describe, expect, it, test } from 'vitest'
import { onFewStores, useLab } from '../../app/lab.ts'
import { project, Running, runShared, start, wordsOf } from '../harness.ts'
import { shellText } from './pty.ts'

onFewStores(
  (lab) => {
    it('celeriac events: a line for each event that fits, until Ctrl-C', async () => {
      const app = lab().app()
      const add = app.task('add', (x: number, y: number) => x + y)
      const args = ['events', '-b', lab().url, '--type', 'task-*ed,worker-online']
      const [lines, json] = [args, [...args, '--json']].map((words) => start(project({}), words)) as [Running, Running]
      for (const one of [lines, json]) await one.until(/waiting for them/)
      await lab().work(app, { hostname: 'w@test', taskEvents: true, heartbeatInterval: 100 })
      const { id } = await add.delay(1, 2)
      for (const one of [lines, json]) {
        await one.until(/task[ -]succeeded/)
        one.child.kill('SIGINT')
      }
      expect(await lines.ended).toMatchObject({ code: 0, stderr: expect.stringMatching(/^events of .*\n$/) })
      const texts = lines.stdout.trimEnd().split('\n')
      expect(texts[0]).toMatch(/^w@test \[\d{4}-\d\d-\d\d [\d:.]+\] started: active=0, clock=\d+, freq=0\.1, /)
      expect(texts.map((text) => /\] ([a-z ]+):/.exec(text)?.[1])).toEqual([
        'started',
        'task received',
        'task started',
        'task succeeded',
      ])
      expect(texts.at(-1)).toContain(`task succeeded: add(${id}) args=(1, 2) kwargs={} clock=`)
      expect((await json.ended).code).toBe(0)
      const events = json.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))
      expect(events.at(-1)).toMatchObject({ type: 'task-succeeded', uuid: id, result: '3', hostname: 'w@test' })
    })
  },
  { memory: false },
)

describe('its reader', () => {
  const lab = useLab('sqlite')
  test('ends, as in | head -1: it ends without an error', async () => {
    await lab().work(lab().app(), { hostname: 'w@test', heartbeatInterval: 50 })
    const command = shellText(wordsOf(['events', '-b', lab().url]))
    const piped = new Running('/bin/sh', ['-c', `(${command}; echo "code $?" >&2) | head -1`], project({}))
    const { stdout, stderr } = await piped.ended
    expect(stdout.trimEnd().split('\n')).toHaveLength(1)
    expect(stderr).toMatch(/^events of [^\n]*\ncode 0\n$/)
  })
})

test('a broker that no other process receives from is an error', async () => {
  for (const command of ['events', 'top']) {
    const { code, stderr } = await runShared(project({}), [command, '-b', 'memory:'])
    expect(stderr).toMatch(new RegExp(`^celeriac: ${command}: expected a broker .*, got memory:\\n$`))
    expect(code).toBe(2)
  }
})
