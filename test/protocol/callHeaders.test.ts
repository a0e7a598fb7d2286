import { expect, it } from 'vitest'
import { callFact, callHeaders } from '../../src/protocol/callHeaders.ts'

it('what a call says of itself, as headers of whole numbers', () => {
  expect(callHeaders({})).toBeUndefined()
  expect(callHeaders({ resultExpires: 0, deadline: undefined })).toEqual({ celeriac_result_expires: 0 })
  expect(callHeaders({ resultExpires: 1.5, deadline: 1e300, version: 2 })).toEqual({
    celeriac_result_expires: 2,
    celeriac_deadline: 8.64e15,
    celeriac_version: 2,
  })
})

it('of other values nothing is known', () => {
  for (const value of [-1, 1.5, '2', null, undefined, 9e15, Number.NaN, [1]])
    expect(callFact({ celeriac_deadline: value }, 'deadline'), String(value)).toBeUndefined()
  for (const value of [0, 5, 8.64e15]) expect(callFact({ celeriac_version: value }, 'version')).toBe(value)
})
