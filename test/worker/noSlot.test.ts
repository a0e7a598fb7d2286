import { expect, it } from 'vitest'
import { createLogger } from '../../src/std/log.ts'
import { until, useLab } from '../app/lab.ts'
import { defineWaiting } from './modules/waiting.ts'

const lab = useLab('sqlite')
const module = new URL('./modules/waiting.ts', import.meta.url).href

it.each(['threads', 'processes'] as const)(
  '%s: a pool full of tasks that wait for others lends no slot, and one warning says why',
  async (pool) => {
    const lines: { level: number; msg: string }[] = []
    const logger = createLogger('info', { write: (line) => lines.push(JSON.parse(line)) })
    const app = defineWaiting(lab().app({ logger }))
    await lab().work(app, { pool, module, concurrency: 2 })
    await app.send('parent')
    await app.send('parent')
    const warnings = (): string[] => lines.filter(({ level }) => level === 40).map(({ msg }) => msg)
    await until(() => warnings().length > 0)
    expect(await app.queueSize()).toBe(2)
    // Each task waits in a child of its own, since about the same moment.
    await new Promise((resolve) => setTimeout(resolve, 1500))
    expect(warnings()).toEqual([
      expect.stringMatching(
        /^task parent\[\S+ holds a slot of its worker while it waits .* Only tasks of the pool inline lend/,
      ),
    ])
  },
)
