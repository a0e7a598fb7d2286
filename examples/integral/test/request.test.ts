import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { IntegralInput, type Problem, parseRequest } from '../request.ts'

const BODY = { f: 'sqrt(4-xs**2)', a: 0, b: 2, c: 0, d: 2 }

function problems(body: unknown): readonly Problem[] {
  return parseRequest(body).problems ?? []
}

describe('parseRequest', () => {
  it('takes the six fields, and 100 points where no size is given', () => {
    expect(parseRequest({ ...BODY, size: 5 })).toEqual({ integral: { ...BODY, size: 5 } })
    expect(parseRequest(BODY)).toEqual({ integral: { ...BODY, size: 100 } })
    expect(parseRequest({ ...BODY, b: 0, size: 1e9 }).problems).toBeUndefined()
  })

  it.each([
    ['/f', { f: 3 }, 'expected an expression of xs as text, got 3'],
    ['/f', { f: undefined }, 'expected an expression of xs as text, got nothing'],
    ['/f', { f: '' }, 'at character 1: expected an expression of xs, got nothing'],
    ['/f', { f: 'sin(' }, 'at character 5: expected more, got the end'],
    ['/f', { f: 'x'.repeat(1001) }, 'at character 1001: expected at most 1000 characters, got 1001'],
    ['/a', { a: '0' }, 'expected a number within ±1e+150, got the text "0"'],
    ['/b', { b: null }, 'expected a number within ±1e+150, got null'],
    ['/c', { c: undefined }, 'expected a number within ±1e+150, got nothing'],
    ['/d', { d: [2] }, 'expected a number within ±1e+150, got an array'],
    ['/a', { a: true }, 'expected a number within ±1e+150, got true'],
    ['/a', { a: Number.NaN }, 'expected a number within ±1e+150, got NaN'],
    ['/b', { b: Number.POSITIVE_INFINITY }, 'expected a number within ±1e+150, got Infinity'],
    ['/d', { d: 1e200 }, 'expected a number within ±1e+150, got 1e+200'],
    ['/b', { b: -1 }, 'expected b to be at least a = 0, got -1'],
    ['/d', { d: -1 }, 'expected d to be at least c = 0, got -1'],
    ['/size', { size: 0 }, 'expected a whole number from 1 to 1000000000, got 0'],
    ['/size', { size: -2.5 }, 'expected a whole number from 1 to 1000000000, got -2.5'],
    ['/size', { size: 1e9 + 1 }, 'expected a whole number from 1 to 1000000000, got 1000000001'],
    ['/size', { size: '100' }, 'expected a whole number from 1 to 1000000000, got the text "100"'],
    ['/size', { size: null }, 'expected a whole number from 1 to 1000000000, got null'],
    ['', { sise: 5, n: 1 }, 'expected only the fields f, a, b, c, d, size, got also "sise", "n"'],
  ])('names %s for %j', (pointer, change, detail) => {
    expect(problems({ ...BODY, ...change })).toEqual([{ pointer, detail }])
  })

  it('names a bigint as such', () => {
    expect(problems({ ...BODY, a: 1n })).toEqual([
      { pointer: '/a', detail: 'expected a number within ±1e+150, got 1n' },
    ])
  })

  it.each([
    [null, 'null'],
    [undefined, 'nothing'],
    [[1], 'an array'],
    ['f', 'the text "f"'],
  ])('refuses a body that is no object: %j', (body, got) => {
    expect(problems(body)).toEqual([
      { pointer: '', detail: `expected an object with the fields f, a, b, c, d, size, got ${got}` },
    ])
  })

  it('names all problems at once', () => {
    const pointers = problems({ f: 'a=1', a: 3, b: 2, c: 1, d: 0, size: 0, more: 1 }).map(({ pointer }) => pointer)
    expect(pointers.sort()).toEqual(['', '/b', '/d', '/f', '/size'])
    expect(problems({}).map(({ pointer }) => pointer)).toEqual(['/f', '/a', '/b', '/c', '/d'])
  })
})

describe('IntegralInput', () => {
  it('is a Standard Schema with the same words', async () => {
    const body = { ...BODY, a: 3, size: '5' }
    const result = await IntegralInput['~standard'].validate(body)
    expect(result.issues?.map(({ path, message }) => ({ pointer: `/${path?.join('/')}`, detail: message }))).toEqual(
      problems(body),
    )
    expect(await IntegralInput['~standard'].validate(BODY)).toEqual({ value: { ...BODY, size: 100 } })
  })

  it('describes itself in JSON Schema', () => {
    const schema = z.toJSONSchema(IntegralInput, { io: 'input' })
    expect(schema).toMatchObject({
      properties: {
        f: { type: 'string', maxLength: 1000 },
        a: { type: 'number', minimum: -1e150, maximum: 1e150 },
        size: { type: 'integer', minimum: 1, maximum: 1e9, default: 100 },
      },
      required: ['f', 'a', 'b', 'c', 'd'],
      additionalProperties: false,
    })
  })
})
