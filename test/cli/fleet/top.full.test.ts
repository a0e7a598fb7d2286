import { expect, it } from 'vitest'
import { onEachStore } from '../../app/lab.ts'
import { eventually } from '../../wait.ts'
import { project } from '../harness.ts'
import { shown, startInTerminal } from './pty.ts'

onEachStore(
  (lab) => {
    it('top shows a worker that comes, its task events once they are asked for, and its end', async () => {
      const app = lab().app()
      const fail = app.task('fail', () => {
        throw new RangeError('boom')
      })
      const top = startInTerminal(project({}), ['top', '-b', lab().url, '-l', 'error'])
      const screen = (pattern: RegExp): Promise<string> =>
        eventually(
          async () => shown(top.stdout).join('\n'),
          (text) => pattern.test(text),
        )
      await screen(/^no events of tasks yet/m)
      const worker = await lab().work(app, { hostname: 'w@test', heartbeatInterval: 200 })
      await screen(/^ w@test +online +inline/m)
      top.child.stdin?.write('e')
      await screen(/all workers send events of their tasks from now on\? \(y\/n\)$/)
      top.child.stdin?.write('y')
      await screen(/events of tasks are on: 1 worker replied$/)
      await (await fail.delay()).get({ timeout: '30s' }).catch(() => undefined)
      await screen(/^ +[\d:]{8} {2}fail +ValueError\('boom'\)$/m)
      await screen(/^tasks\/s: received [\d.]+ /m)
      await worker.stop()
      await screen(/^ w@test +offline/m)
      top.child.stdin?.write('x')
      expect((await top.ended).stdout).toContain('code 0\r\n')
    })
  },
  { memory: false },
)
