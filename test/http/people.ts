import { bearer } from '../../src/http/server/serve.ts'

/** Who calls in tests of what belongs to whom: two users, and an admin. */
export const authorize = bearer({
  'a-token-of-ann-1234': 'ann',
  'a-token-of-bob-1234': 'bob',
  'a-token-of-root-123': { id: 'root', scopes: ['admin'] },
})
export const ANN = { authorization: 'Bearer a-token-of-ann-1234' }
export const BOB = { authorization: 'Bearer a-token-of-bob-1234' }
export const ROOT = { authorization: 'Bearer a-token-of-root-123' }
