import { describe, expect, it } from 'vitest'
import { drawFigure, toPng } from '../plot.ts'
import { progressOf } from '../progress.ts'
import { randomSeries } from '../series.ts'

const NOON = new Date('2026-02-27T12:34:56Z')

describe('a series', () => {
  it('has a whole number from 0 to 1000 for each day, over the end of a month', () => {
    const series = randomSeries(NOON, 10)
    expect(series).toHaveLength(10)
    expect(series.slice(0, 3).map(({ date }) => date.toISOString())).toEqual([
      '2026-02-27T00:00:00.000Z',
      '2026-02-28T00:00:00.000Z',
      '2026-03-01T00:00:00.000Z',
    ])
    const values = randomSeries(NOON, 1000).map(({ value }) => value)
    expect(values.every((value) => Number.isInteger(value) && value >= 0 && value <= 1000)).toBe(true)
  })
})

describe('a plot', () => {
  it('has a date below every point', () => {
    const figure = drawFigure(randomSeries(NOON, 10))
    expect(figure.match(/\d{4}-\d\d-\d\d(?=<)/g)?.sort()).toEqual(
      randomSeries(NOON, 10).map(({ date }) => date.toISOString().slice(0, 10)),
    )
  })

  it('is a PNG of 1600 by 900 pixels, with its words in it on a machine without fonts', () => {
    const figure = drawFigure(randomSeries(NOON, 10))
    const png = Buffer.from(toPng(figure))
    expect(png.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n')
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([1600, 900])
    const wordless = toPng(figure.replace(/<text[\s\S]*?<\/text>/g, ''))
    expect(png.length).toBeGreaterThan(wordless.length * 1.2)
  })
})

describe('progress', () => {
  const info = { id: 'a', task: 't', retries: 0, children: [] } as unknown as Parameters<typeof progressOf>[0]

  it.each([
    [undefined, {}],
    [{ state: 'PENDING' }, { state: 'PENDING', progress: 0 }],
    [
      { state: 'PROGRESS', progress: { current: 0.3 } },
      { state: 'PROGRESS', progress: 0.3 },
    ],
    [
      { state: 'PROGRESS', progress: { current: '<b>' } },
      { state: 'PROGRESS', progress: 0 },
    ],
    [
      { state: 'PROGRESS', progress: null },
      { state: 'PROGRESS', progress: 0 },
    ],
    [
      { state: 'PROGRESS', progress: { current: 7 } },
      { state: 'PROGRESS', progress: 1 },
    ],
    [{ state: 'FAILURE' }, { state: 'FAILURE', progress: 0 }],
    [{ state: 'SUCCESS' }, { state: 'SUCCESS', progress: 1 }],
  ])('of %j', (known, told) => {
    expect(progressOf(known && ({ ...info, ...known } as typeof info))).toEqual(told)
  })
})
