import { describe, expect, it } from 'vitest'
import { Emitter } from '../../src/std/emitter.ts'

interface Events {
  readonly count: number
  readonly text: string
}

describe('Emitter', () => {
  const create = (): { emitter: Emitter<Events>; reported: [unknown, string][] } => {
    const reported: [unknown, string][] = []
    return { emitter: new Emitter<Events>((error, event) => reported.push([error, event])), reported }
  }

  it('tells each listener of its event, in order of listening', () => {
    const { emitter } = create()
    const heard: string[] = []
    emitter.on('count', (count) => heard.push(`a${count}`))
    emitter.on('count', (count) => heard.push(`b${count}`))
    emitter.on('text', (text) => heard.push(text))
    emitter.emit('count', 1)
    emitter.emit('text', 'x')
    expect(heard).toEqual(['a1', 'b1', 'x'])
  })

  it('stops with the returned function; twice is harmless', () => {
    const { emitter } = create()
    const heard: number[] = []
    const stop = emitter.on('count', (count) => heard.push(count))
    expect([emitter.has('count'), emitter.has('text')]).toEqual([true, false])
    emitter.emit('count', 1)
    stop()
    stop()
    emitter.emit('count', 2)
    expect(heard).toEqual([1])
    expect(emitter.has('count')).toBe(false)
  })

  it('a listener that ends itself or another while it is told disturbs nobody', () => {
    const { emitter } = create()
    const heard: string[] = []
    const stops = ['a', 'b', 'c'].map((name) =>
      emitter.on('count', () => {
        heard.push(name)
        if (name === 'a') stops[0]?.()
      }),
    )
    emitter.emit('count', 1)
    emitter.emit('count', 2)
    expect(heard).toEqual(['a', 'b', 'c', 'b', 'c'])
  })

  it('errors, thrown or rejected, are reported and reach neither the emitter nor the others', async () => {
    const { emitter, reported } = create()
    const thrown = new Error('thrown')
    const rejected = new Error('rejected')
    const heard: number[] = []
    emitter.on('count', () => {
      throw thrown
    })
    emitter.on('count', async () => {
      throw rejected
    })
    emitter.on('count', (count) => heard.push(count))
    emitter.emit('count', 7)
    await new Promise(setImmediate)
    expect(heard).toEqual([7])
    expect(reported).toEqual([
      [thrown, 'count'],
      [rejected, 'count'],
    ])
  })
})
