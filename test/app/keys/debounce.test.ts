import { expect, test } from 'vitest'
import type { App } from '../../../src/app/app.ts'
import type { DebounceOptions, ThrottleOptions } from '../../../src/config/task/onceOptions.ts'
import { ArgumentError, NotSupportedError } from '../../../src/std/errors.ts'
import { limitedApp } from '../../limits/fixture.ts'
import { eventually } from '../../wait.ts'
import { onEachStore } from '../lab.ts'

const byFirst = (key: string): string => key

onEachStore((lab, kind) => {
  const counted = (
    options: {
      debounce?: Omit<DebounceOptions, 'key'>
      throttle?: Omit<ThrottleOptions, 'key'>
    },
    app: App = limitedApp(lab()),
  ): {
    app: App
    ran: { value: string; at: number }[]
    call: (key: string, value: string) => ReturnType<typeof task.delay>
  } => {
    const ran: { value: string; at: number }[] = []
    const { debounce, throttle } = options
    const task = app.task('save', (_key: string, value: string) => void ran.push({ value, at: Date.now() }), {
      debounce: debounce && { key: byFirst, ...debounce },
      throttle: throttle && { key: byFirst, ...throttle },
    })
    return { app, ran, call: (key, value) => task.delay(key, value) }
  }
  const all = (ran: readonly unknown[], count: number) =>
    eventually(
      async () => ran.length,
      (length) => length >= count,
    )

  if (kind === 'rabbitmq') {
    test('without a store for limits debounce, and throttle that keeps the last, are refused with what to use', async () => {
      const debounced = counted({ debounce: { wait: '1s' } }, lab().app())
      await expect(debounced.call('a', '1')).rejects.toThrow("(option limits), or use throttle with keep 'first'")
      await expect(lab().work(debounced.app)).rejects.toThrow('debounce changes a job that waits')
      const throttled = counted({ throttle: { every: '1s', keep: 'last' } }, lab().app())
      await expect(throttled.call('a', '1')).rejects.toBeInstanceOf(NotSupportedError)
    })

    test('by an exchange of no direct kind they are refused, as that store has no such messages', async () => {
      const app = limitedApp(lab(), { queues: { own: { exchange: { name: 'theirs', type: 'topic' } } } })
      const task = app.task('save', (key: string) => key, { queue: 'own', debounce: { key: byFirst, wait: '1s' } })
      await expect(task.delay('a')).rejects.toThrow('finds none that went by an exchange (theirs)')
    })
  }

  test('debounce: many calls at once, and more later, are one run, with the last input', async () => {
    const { app, ran, call } = counted({ debounce: { wait: 1000 } })
    await lab().work(app)
    const burst = await Promise.all(Array.from({ length: 30 }, (_, at) => call('a', String(at))))
    expect(new Set(burst.map(({ id }) => id)).size).toBe(1)
    expect(burst.filter(({ sent }) => sent).length).toBe(1)
    const other = await call('b', 'other')
    const called = Date.now()
    const last = await call('a', 'last')
    expect(last.id).toBe(burst[0]?.id)
    await last.get({ timeout: '30s' })
    await other.get({ timeout: '30s' })
    expect(ran.map(({ value }) => value).sort()).toEqual(['last', 'other'])
    expect(ran.find(({ value }) => value === 'last')?.at).toBeGreaterThanOrEqual(called + 995)
    const next = await call('a', 'next')
    expect([next.sent, next.id === last.id]).toEqual([true, false])
  })

  test('debounce with max: no later than that after the first call', async () => {
    if (kind !== 'sqlite') return
    const { app, ran, call } = counted({ debounce: { wait: 500, max: 900 } })
    await lab().work(app)
    const first = Date.now()
    for (let at = 0; ran.length === 0; at++) {
      await call('a', String(at))
      await new Promise((resolve) => setTimeout(resolve, 100))
      expect(Date.now() - first).toBeLessThan(20_000)
    }
    expect(ran[0]?.at).toBeGreaterThanOrEqual(first + 895)
  })

  test('throttle, last: at once, then one run at the end of the period, with the last input', async () => {
    if (kind === 'memory') return
    const { app, ran, call } = counted({ throttle: { every: 800, keep: 'last' } })
    await lab().work(app)
    const first = await call('a', '1')
    const rest = await Promise.all(['2', '3', '4'].map((value) => call('a', value)))
    expect(rest.map(({ sent }) => sent).filter(Boolean).length).toBe(1)
    expect(new Set([first.id, ...rest.map(({ id }) => id)]).size).toBe(2)
    const newest = await call('a', '5')
    await newest.get({ timeout: '30s' })
    expect(ran.map(({ value }) => value)).toEqual(['1', '5'])
    const after = await call('a', '6')
    expect([after.sent, (await after.info())?.state]).toEqual([true, 'PENDING'])
  })

  test('throttle, first: further calls of a period get its handle', async () => {
    if (kind !== 'sqlite' && kind !== 'rabbitmq') return
    const { app, ran, call } = counted({ throttle: { every: '1s' } })
    await lab().work(app)
    const handles = await Promise.all(['1', '2', '3'].map((value) => call('a', value)))
    expect(new Set(handles.map(({ id }) => id)).size).toBe(1)
    await handles[0]?.get({ timeout: '30s' })
    await eventually(
      () => call('a', 'next'),
      ({ sent }) => sent,
    )
    await all(ran, 2)
    expect(ran.map(({ value }) => value)).toEqual(['1', 'next'])
  })

  test('a call with a moment of its own is refused', async () => {
    const app = lab().app()
    const task = app.task('save', (key: string) => key, { debounce: { key: byFirst, wait: '1s' } })
    expect(() => task.applyAsync(['a'], { countdown: '1s' })).toThrow(ArgumentError)
    expect(() => task.applyAsync(['a'], { eta: new Date() })).toThrow('eta and debounce exclude each other')
  })
})
