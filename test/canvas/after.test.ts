import { expect, test } from 'vitest'
import { chain, group } from '../../src/calls/workflow.ts'
import { ArgumentError } from '../../src/std/errors.ts'
import { onFewStores, useLab } from '../app/lab.ts'

/* `after`: the order of several calls, without their results. */

function start(lab: ReturnType<ReturnType<typeof useLab>>) {
  const app = lab.app()
  const order: string[] = []
  const step = app.task('step', (name: string) => {
    order.push(name)
    return name
  })
  const boom = app.task('boom', (): string => {
    throw new RangeError('no')
  })
  return { app, order, step, boom }
}

onFewStores((lab) => {
  test('it runs when all have succeeded, also workflows, and is a step like others', async () => {
    const { app, order, step } = start(lab())
    await lab().work(app)
    const first = step.s('c').after(step.s('a'), step.s('b'))
    const sent = await chain(step.s('f').after(first, chain(step.s('d'), step.si('e'))), step.si('g')).delay()
    expect(await sent.get({ timeout: '60s' })).toBe('g')
    expect(order.slice(-2)).toEqual(['f', 'g'])
    expect(order.indexOf('c')).toBeGreaterThan(Math.max(order.indexOf('a'), order.indexOf('b')))
    expect(order.toSorted()).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g'])
  })

  test('it does not run where one has failed', async () => {
    const { app, order, step, boom } = start(lab())
    await lab().work(app)
    const sent = await step.s('b').after(step.s('a'), boom.s()).delay()
    await expect(sent.get({ timeout: '60s' })).rejects.toMatchObject({ type: 'ChordError' })
    expect(order).toEqual(['a'])
  })
})

const one = useLab('memory')

test('a call in two places is refused; a diamond is a chain with a group', async () => {
  const { app, order, step } = start(one())
  const a = step.s('a')
  const [b, c] = [step.s('b').after(a), step.s('c').after(group([a]))]
  expect(() => step.s('d').after(b, c)).toThrow(ArgumentError)
  expect(() => step.s('d').after(b, c)).toThrow(/^step: after: expected calls that are in one place, got step in two/)
  await one().work(app)
  const diamond = chain(a, step.s('d').after(step.si('b'), step.si('c')))
  expect(await diamond.delay().get({ timeout: '60s' })).toBe('d')
  expect(order.filter((name) => name === 'a')).toHaveLength(1)
  expect([order[0], order.at(-1)]).toEqual(['a', 'd'])
})
