import { expect, test } from 'vitest'
import { errorOf } from '../../src/stores/postgres/connection/errors.ts'

test('PgBouncer refuses our settings: waiting does not correct it, the URL does', () => {
  const answer = Object.assign(new Error('unsupported startup parameter: options'), {
    code: '08P01',
    severity: 'FATAL',
  })
  expect(errorOf(answer, 'postgres://pool/shop')).toMatchObject({
    name: 'ConfigError',
    message: expect.stringMatching(/options: a pool of connections is between: add pgbouncer=true to the URL/),
  })
})
